"""The smallest change that is caught with 90 % power, by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

POWER = 0.90
FARTHEST = 1.5
"""An answer beyond all points by this factor is not one: their curve was looked at elsewhere."""


@dataclass(frozen=True)
class Curve:
    """Shares caught (points,) at some changes, of `count` cells each."""

    changes: tuple[float, ...]
    caught: tuple[int, ...]
    count: int

    @property
    def detectable(self) -> float:
        """The change at which 90 % are caught: a probit line through all points.

        Weighted by what each share is worth; NaN where the points do not rise, or are all so far
        from the answer that a straight line says nothing of it.
        """
        from scipy.stats import norm

        shares = (np.array(self.caught) + 0.5) / (self.count + 1)
        probits = norm.ppf(shares)
        weights = norm.pdf(probits) ** 2 / (shares * (1 - shares))
        slope, offset = np.polyfit(np.array(self.changes), probits, 1, w=np.sqrt(weights))
        found = float((norm.ppf(POWER) - offset) / slope) if slope > 0 else math.nan
        near = min(self.changes) / FARTHEST <= found <= max(self.changes) * FARTHEST
        return found if near else math.nan


def curve(caught: Callable[[float], Sequence[bool]], changes: Sequence[float]) -> Curve:
    """Return the curve of a judge: `caught(change)` plays cells that changed so much."""
    found = [np.asarray(caught(change)) for change in changes]
    return Curve(tuple(changes), tuple(int(f.sum()) for f in found), len(found[0]))
