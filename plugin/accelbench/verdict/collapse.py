"""Training collapses: a channel of its own, for they happen to healthy code too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

HEALTHY_SHARE = 0.75
"""A run has collapsed below this share of the way from chance to the median accuracy."""

RATES = (0.15, 0.4, 0.9)
"""The rates of collapse that the e-process bets on, in equal parts."""

USUAL_RATE = 0.03
"""The rate of collapse that is taken as healthy, at least."""


def line(accuracies: Sequence[float], chance: float) -> float | None:
    """Return the accuracy below which a run has collapsed; None where the stored say nothing."""
    if not accuracies:
        return None
    middle = median(accuracies)
    return middle - (1 - HEALTHY_SHARE) * (middle - chance) if middle > chance else None


def usual_rate(collapsed: int, runs: int) -> float:
    """Return the rate of collapse to test against: the stored one, at least 3 %.

    An upper bound of the stored rate would be safer and blind: one collapse in 40 runs allows for
    9 %, and half of all runs could then collapse unseen.
    """
    return max(USUAL_RATE, min(0.99, collapsed / runs)) if runs else USUAL_RATE


def e_value(collapsed: int, healthy: int, usual: float) -> float:
    """Return the evidence of fresh runs against the usual rate: a mean of likelihood ratios.

    Its expectation is at most 1 at the usual rate or below, at every look: reaching 1 / alpha has a
    probability of at most alpha however often it is looked at (Ville's inequality).
    """
    ratios = [
        (rate / usual) ** collapsed * ((1 - rate) / (1 - usual)) ** healthy
        for rate in RATES
        if rate > usual
    ]
    return math.fsum(ratios) / len(RATES)
