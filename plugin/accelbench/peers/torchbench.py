"""torchbench: latency more than 7 % above that of the previous night, one run each.

The detector of pytorch/benchmark compares two nightly files, and files an issue for a change in
either direction. Only the worse one counts here, which spares it half of its false alarms.
"""

from __future__ import annotations

from accelbench.peers.rule import Floats, Rule


def slower(new: Floats, stored: Floats) -> Floats:
    """Return how much longer the newest run takes than the one before, as a fraction of that."""
    return stored[:, -1] / new[:, -1] - 1


RULE = Rule("torchbench", "pytorch/benchmark, regression_detector.py", 1, 1, 0.07, slower)
