"""The smallest change that a judge would have caught: what a pass is worth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from accelbench.verdict import ranks
from accelbench.verdict.confirm import pairs, seeds, unpaired

POWER = 0.90

RANK_EFFICIENCY = 3 / math.pi
"""Efficiency of the rank test against the t-test where the noise is normal (Lehmann 1975)."""

MOST_SIGMAS = 1e3


@dataclass(frozen=True)
class Design:
    """A judge, by its numbers: `stored` runs in `nights`, the screen's level, a suspicion's rate.

    `judge`: "" where nothing can be confirmed yet: then a change counts as caught when suspected.
    """

    stored: int
    nights: int
    screen: float
    alpha: float
    judge: str


@lru_cache(maxsize=4096)
def detectable_sigmas(design: Design) -> float:
    """Return the smallest shift, in stored standard deviations, caught with 90 % power.

    Caught: the screen suspects it and the fresh runs confirm it. Both by noncentral t
    distributions; the rank tests by their asymptotic efficiency. Infinite where no shift would be.
    """
    from scipy.optimize import brentq

    if design.stored < 2:
        return math.inf
    confirms = _CONFIRMS.get(design.judge, _always)

    def missing(shift: float) -> float:
        return POWER - _screened(design, shift) * confirms(design, shift)

    if missing(MOST_SIGMAS) > 0:
        return math.inf
    if missing(0.0) <= 0:  # a screen of 0.9 or more suspects everything
        return 0.0
    return float(brentq(missing, 0.0, MOST_SIGMAS, xtol=1e-6))


def _exceeds(noncentrality: float, degrees: float, level: float) -> float:
    """Return the chance that a noncentral t exceeds the central one's upper quantile."""
    from scipy.stats import nct, t

    # Beyond 30 the noncentral distribution is slow, and far above any quantile here.
    if noncentrality > 30 + 10 * float(t.ppf(1 - level, degrees)):
        return 1.0
    return float(nct.sf(t.ppf(1 - level, degrees), degrees, noncentrality))


def _screened(design: Design, shift: float) -> float:
    return _exceeds(shift / math.sqrt(1 + 1 / design.stored), design.stored - 1, design.screen)


def _always(_design: Design, _shift: float) -> float:
    return 1.0


def _seeds(design: Design, shift: float) -> float:
    fresh = seeds.LOOKS[-1]
    level = seeds.last_alpha(design.alpha, collapses=True)
    if seeds.least_p(design.stored) > level:
        return 0.0
    size = math.sqrt(RANK_EFFICIENCY * fresh * design.stored / (fresh + design.stored))
    confirmed = _exceeds(shift * size, fresh + design.stored - 2, level)
    return confirmed * _not_blocked(design.stored, level)


@lru_cache(maxsize=256)
def _not_blocked(stored: int, level: float) -> float:
    """Return the chance that a change of any size can be confirmed.

    The suspect, which changed too, is ranked among the stored runs, and lies anywhere between the
    fresh ones: with few stored runs it then stands in the way. From 12 on it does not.
    """
    fresh = np.arange(1.0, seeds.LOOKS[-1] + 1)
    others = -np.arange(1.0, stored + 1)
    places = [ranks.p_greater(fresh, np.append(others, at + 0.5)) for at in range(len(fresh) + 1)]
    return sum(p_value <= level for p_value in places) / len(places)


def _pairs(design: Design, shift: float) -> float:
    count = pairs.LOOKS[-1]
    size = math.sqrt(RANK_EFFICIENCY * count / 2)
    return _exceeds(shift * size, 2 * count - 2, pairs.SHARES[-1] * design.alpha)


def _unpaired(design: Design, shift: float) -> float:
    if design.nights < unpaired.LEAST_NIGHTS:
        return 0.0
    size = 1 / math.sqrt(1 + 1 / design.nights)
    return _exceeds(shift * size, design.nights - 1, design.alpha)


SEEDS, PAIRS, NIGHTS = "seeds", "pairs", "nights"
_CONFIRMS: dict[str, Callable[[Design, float], float]] = {
    SEEDS: _seeds,
    PAIRS: _pairs,
    NIGHTS: _unpaired,
}
