"""What a peer's rule is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Rule:
    """How another tool decides that a metric became worse.

    `source`: where the rule was read. `runs`: new runs it looks at; `stored_needed`: the fewest
    stored ones it can be computed from. `score(new, stored)` takes new (n, m) and stored (n, K)
    values of n metrics, oldest first, and returns (n,), larger is more alarming; it alarms above
    `threshold`. Another threshold gives it another rate of false alarms.

    Values are positive and lower is worse, as of a throughput. Give the reciprocal of a quantity
    that should be small (a time, a loss): ratios, and what a rule makes of them, stay the same.
    """

    name: str
    source: str
    runs: int
    stored_needed: int
    threshold: float
    score: Callable[[Floats, Floats], Floats]

    def alarms(self, new: Floats, stored: Floats, threshold: float | None = None) -> Flags:
        """Tell for which metrics (n,) it alarms, at its own threshold or another.

        ValueError where there are not as many values as it needs.
        """
        limit = self.threshold if threshold is None else threshold
        return self.scores(new, stored) > limit

    def scores(self, new: Floats, stored: Floats) -> Floats:
        """Return the scores (n,) of the newest `runs` values; ValueError where some are missing."""
        if new.shape[1] < self.runs or stored.shape[1] < self.stored_needed:
            raise ValueError(
                f"{self.name} needs {self.runs} new and {self.stored_needed} stored values, not "
                f"{new.shape[1]} and {stored.shape[1]}"
            )
        return self.score(new[:, new.shape[1] - self.runs :], stored)


def surprise(p_values: Floats) -> Floats:
    """Return -log10 of p-values, 0 for those that are not a number: the scale of all tests' scores.

    On it the smallest p-values, that 1 - p would round to 1, keep their order.
    """
    with np.errstate(divide="ignore"):
        return np.nan_to_num(-np.log10(p_values), nan=0.0, posinf=np.inf) + 0.0
