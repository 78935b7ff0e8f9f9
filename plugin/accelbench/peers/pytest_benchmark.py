"""pytest_benchmark: --benchmark-compare-fail=mean:5%, one earlier run against one new one.

It compares times: current / compared * 100 - 100 must not exceed the percentage. A compared time of
zero counts as infinitely worse.
"""

from __future__ import annotations

import numpy as np

from accelbench.peers.rule import Floats, Rule


def percent_slower(new: Floats, stored: Floats) -> Floats:
    """Return by how many per cent the newest run's time exceeds that of the run before it."""
    current, compared = 1 / new[:, -1], 1 / stored[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(compared == 0, np.inf, current / compared * 100 - 100)


RULE = Rule("pytest_benchmark", "pytest-benchmark 5.3.1, utils.py", 1, 1, 5.0, percent_slower)
