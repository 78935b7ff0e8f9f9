"""Paired differences: their mean and its interval, by Student's t."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def spread(differences: Floats, resolution: float = 0.0) -> float:
    """Return the standard deviation of differences, at least what rounding both sides leaves.

    Two values rounded to multiples of `resolution` differ by errors of standard deviation
    resolution / sqrt(6) (the sum of two uniform ones): pairs that are all equal are no proof that
    nothing varies.
    """
    least = resolution / math.sqrt(6)
    return max(float(np.std(differences, ddof=1)), least) if len(differences) > 1 else math.inf


def interval(differences: Floats, level: float, resolution: float = 0.0) -> tuple[float, float]:
    """Return Student's interval of the mean difference at a level; infinite below two pairs.

    Not by ranks, as verdicts are: fewer than six pairs have no rank interval at 95 %.
    """
    count = len(differences)
    if count < 2:
        return -math.inf, math.inf
    middle = float(np.mean(differences))
    reach = quantile(level, count) * spread(differences, resolution) / math.sqrt(count)
    return middle - reach, middle + reach


@lru_cache(maxsize=4096)
def quantile(level: float, count: int) -> float:
    """Return Student's two-sided quantile at a level, for the mean of `count` values."""
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, count - 1))
