"""The smallest change that is caught with 90 % power, by simulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

POWER = 0.90


@dataclass(frozen=True)
class Curve:
    """Shares caught (points,) at some changes, of `count` cells each."""

    changes: tuple[float, ...]
    caught: tuple[int, ...]
    count: int

    @property
    def detectable(self) -> float:
        """The change at which 90 % are caught: a probit line through all points.

        Weighted by what each share is worth; NaN where all lie on one side and none is near.
        """
        from scipy.stats import norm

        shares = (np.array(self.caught) + 0.5) / (self.count + 1)
        probits = norm.ppf(shares)
        weights = norm.pdf(probits) ** 2 / (shares * (1 - shares))
        slope, offset = np.polyfit(np.array(self.changes), probits, 1, w=np.sqrt(weights))
        return float((norm.ppf(POWER) - offset) / slope) if slope > 0 else float("nan")


def curve(caught: Callable[[float], Sequence[bool]], changes: Sequence[float]) -> Curve:
    """Return the curve of a judge: `caught(change)` plays cells that changed so much."""
    found = [np.asarray(caught(change)) for change in changes]
    return Curve(tuple(changes), tuple(int(f.sum()) for f in found), len(found[0]))
