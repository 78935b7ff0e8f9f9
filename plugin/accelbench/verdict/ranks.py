"""Exact rank tests, the shift between two samples, and its interval.

scipy's exact Mann-Whitney test holds where no values are tied. Accuracies, k of n, nearly always
are; scipy's answer to that draws permutations at random, or lists all 377 million ways to choose 8
of 48. Counting them by their rank sums is exact, quick, and the same on every replay.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_STORED = 400
"""Stored values beyond this are thinned: a few more digits of p, for a growing time."""

MOST_EXACT = 20
"""The smaller of two samples is compared exactly up to so many values: beyond, it takes memory."""


def p_greater(new: Floats, stored: Floats) -> float:
    """Return the exact one-sided p of `new` being shifted above `stored` (Mann-Whitney's U).

    p is P(U >= observed) over all ways to choose which of the values are the new ones: it needs no
    normality and no spread, and takes ties. 1 where one side is empty.
    """
    if not len(new) or not len(stored):
        return 1.0
    stored = thinned(stored)
    joint = np.concatenate([new, stored])
    _, group, sizes = np.unique(joint, return_inverse=True, return_counts=True)
    if sizes.max() == 1:
        below = np.searchsorted(np.sort(stored), new)
        return _without_ties(int(below.sum()), len(new), len(stored))
    # Twice the mid-ranks: whole numbers.
    ends = np.cumsum(sizes)
    ranks = (2 * ends - sizes + 1)[group]
    ordered = tuple(int(rank) for rank in np.sort(ranks))
    return _by_rank_sums(ordered, len(new), int(ranks[: len(new)].sum()))


def p_differs(one: Floats, other: Floats) -> float:
    """Return the two-sided p of two samples of any sizes being shifted against each other.

    Exact while one of them is small; else by the normal approximation, which is then close.
    """
    from scipy.stats import mannwhitneyu

    small, large = sorted((one, other), key=len)
    if len(small) <= MOST_EXACT:
        return min(1.0, 2 * min(p_greater(small, large), p_greater(-small, -large)))
    if min(small.min(), large.min()) == max(small.max(), large.max()):
        return 1.0
    return float(mannwhitneyu(small, large, method="asymptotic").pvalue)


def least_p(new: int, stored: int) -> float:
    """Return the smallest p that so many values can reach: 1 of all the ways to choose them."""
    return 1 / math.comb(new + stored, new) if new and stored else 1.0


def thinned(stored: Floats) -> Floats:
    """Return at most `MOST_STORED` values, the largest of each of as many equal blocks.

    The largest: the sample then lies higher than it is, so that no small p for "greater" is too
    small. The order of the values does not matter.
    """
    if len(stored) <= MOST_STORED:
        return stored
    blocks = np.array_split(np.sort(stored), MOST_STORED)
    return np.array([block[-1] for block in blocks])


@lru_cache(maxsize=65536)
def _without_ties(u: int, new: int, stored: int) -> float:
    """Return P(U >= u), from scipy's exact test of samples that have this U."""
    from scipy.stats import mannwhitneyu

    # `full` new values above all stored ones, one above `rest` of them, the others below all.
    full, rest = divmod(u, stored)
    places = [float(stored)] * full + ([rest - 0.5] if full < new else [])
    places += [-1.0] * (new - len(places))
    sample = np.array(places) + np.linspace(0, 0.2, new)
    result = mannwhitneyu(sample, np.arange(stored), alternative="greater", method="exact")
    return float(result.pvalue)


def _by_rank_sums(ranks: tuple[int, ...], new: int, observed: int) -> float:
    """Return the share of all choices of `new` ranks whose sum reaches the observed one.

    ways[k, s] counts the choices of k ranks, of those seen so far, with sum s.
    """
    most = sum(ranks[-new:])
    ways = np.zeros((new + 1, most + 1))
    ways[0, 0] = 1.0
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : most + 1 - rank].copy()
    return float(ways[new, observed:].sum() / ways[new].sum())


def shift(new: Floats, stored: Floats) -> float:
    """Return the Hodges-Lehmann shift: the median of all differences new - stored."""
    return float(np.median(_differences(new, stored)))


def interval(new: Floats, stored: Floats, level: float = 0.95) -> tuple[float, float]:
    """Return the rank interval of the shift at a confidence level; infinite where none exists.

    The c-th smallest and largest of the differences, for the largest c with P(U < c) below half the
    rest (Hollander and Wolfe, Nonparametric Statistical Methods, 4.3). Ties make it wider at worst.
    """
    differences = _differences(new, stored)
    m, n = len(new), min(len(stored), MOST_STORED)
    tail = (1 - level) / 2
    low, high = 0, m * n // 2
    while low < high:  # the largest c whose tail P(U <= c - 1) is small enough
        middle = (low + high + 1) // 2
        if _without_ties(m * n - (middle - 1), m, n) <= tail:
            low = middle
        else:
            high = middle - 1
    if low == 0:
        return -math.inf, math.inf
    return float(differences[low - 1]), float(differences[len(differences) - low])


def _differences(new: Floats, stored: Floats) -> Floats:
    if len(stored) > MOST_STORED:  # the middle of each block: no side is favoured
        blocks = np.array_split(np.sort(stored), MOST_STORED)
        stored = np.array([np.median(block) for block in blocks])
    return np.sort(np.subtract.outer(new, stored), axis=None)
