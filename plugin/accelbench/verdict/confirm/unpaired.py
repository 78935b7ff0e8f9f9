"""Device metrics where nothing can be paired: tonight's median against the stored nights.

Driver, firmware, unit or host changed, and the old one is gone. Tonight's runs share the night and
the unit, so more of them do not make the night itself more certain; a control workload, which does
not use what changed, takes out what the whole machine did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from accelbench.records import More
from accelbench.verdict import screen
from accelbench.verdict.confirm.decision import CLEARED, REJECTED, SPENT, WAITING, Decision
from accelbench.verdict.evidence import FRESH, SECOND_UNIT, UNPAIRED
from accelbench.verdict.sample import Floats, Sample

KIND = FRESH
SECOND = SECOND_UNIT

LOOKS = (4, 8)
"""Four runs can clear, eight reject: to move the median of eight takes four outliers."""
FUTILE = 0.20

LEAST_NIGHTS = 10
"""With fewer stored nights the spread between nights is not known."""

LEAST_UNITS = 3
"""With fewer stored units the spread between units is not known."""

MEDIAN_VARIANCE = math.pi / 2
"""Variance of a median of normal values, against that of their mean."""


@dataclass(frozen=True)
class Nights:
    """Stored runs, tonight's fresh ones, and those on a second unit if there are any."""

    stored: Sample
    unit: str
    fresh: Sample
    second: Sample
    units_at_hand: int
    resolution: float


def decide(nights: Nights, alpha: float) -> Decision:
    """Return the answer of tonight's runs so far, at a suspicion's rate alpha."""
    stored, judge = _comparable(nights)
    made = len(nights.fresh)
    unknown = _unknown(nights, stored)
    if unknown:
        return Decision(SPENT, judge, runs=made, cause=unknown)
    for look in LOOKS:
        if made < look:
            return Decision(WAITING, judge, more=More(KIND, look - made), runs=made)
        decision = _looked(nights, stored, nights.fresh, (look, alpha, judge))
        if decision.answer != WAITING:
            break
    if decision.answer != REJECTED or nights.units_at_hand < 2:
        return decision
    return _second_unit(nights, decision, alpha)


def _unknown(nights: Nights, stored: Sample) -> str:
    """Return what is not known that a verdict would need, or an empty text."""
    if stored.nights < LEAST_NIGHTS:
        return f"{stored.nights} comparable nights are stored, {LEAST_NIGHTS} are needed"
    units = set(stored.units)
    if nights.unit not in units and len(units) < LEAST_UNITS:
        return (
            f"unit {nights.unit or '?'} is not in the reference, and {len(units)} units do not say "
            f"how much units differ ({LEAST_UNITS} do)"
        )
    return ""


def _comparable(nights: Nights) -> tuple[Sample, str]:
    """Return the stored runs to compare with, and the judge's name.

    Where the unit has enough nights of its own, only those. Else all units: the unit is then part
    of what the nights differ in, so that one night is one draw, whatever its runs.
    """
    own = nights.stored.of_units(frozenset({nights.unit}))
    if own.nights >= LEAST_NIGHTS or len(own) == len(nights.stored):
        return own, UNPAIRED
    known = nights.unit in nights.stored.units
    judge = (
        f"{UNPAIRED}, {len(set(nights.stored.units))} units"
        if known
        else (f"{UNPAIRED}, unit not in reference")
    )
    return nights.stored, judge


def _looked(nights: Nights, stored: Sample, fresh: Sample, how: tuple[int, float, str]) -> Decision:
    look, alpha, judge = how
    shift, error, degrees = _compared(nights, stored, fresh, look)
    p_value, quantile = _student(shift / error, degrees)
    interval = (shift - quantile * error, shift + quantile * error)
    if look < LOOKS[-1]:
        answer, limit = (CLEARED if p_value > FUTILE else WAITING), 0.0
    else:
        answer, limit = (REJECTED if p_value <= alpha else SPENT), alpha
    return Decision(answer, judge, p_value, limit, shift, interval, runs=look)


def _compared(nights: Nights, stored: Sample, fresh: Sample, look: int) -> tuple[float, float, int]:
    """Return shift, standard error and degrees of freedom of tonight's median.

    Variance: s^2 (1 + 1/S) for S stored nights: one night is one draw of nights, however many runs
    it has. On a quiet machine the nights differ more than their runs do, and to share less than all
    of s^2 among tonight's runs raised alarms there. By how much tonight's runs scatter beyond s^2
    is added, over m and times pi/2 for their median; at the last look alone, which rejects: a
    scatter must not clear a suspicion.
    """
    controls = stored.controls
    adjusts = bool(np.isfinite(controls).any() and np.isfinite(fresh.controls).all())
    past, tonight = screen.adjusted(
        screen.Stored(stored.values[None], controls[None] if adjusts else None, stored.nights),
        fresh.values[None, :look],
        fresh.controls[None, :look] if adjusts else None,
    )
    bound = screen.predicted(past, np.array([nights.resolution]))
    means = _night_means(screen.without_outliers(past)[0], stored.sessions)
    spread = max(float(bound.spread[0]), float(np.std(means, ddof=1)))
    variance = spread**2 * (1 + 1 / len(means))
    if look == LOOKS[-1]:
        among = float(np.nanvar(screen.without_outliers(tonight)[0], ddof=1))
        variance += max(0.0, among - spread**2) * MEDIAN_VARIANCE / look
    shift = float(np.median(tonight[0]) - np.mean(means))
    return shift, math.sqrt(variance), len(means) - 1


def _night_means(values: Floats, sessions: tuple[str, ...]) -> Floats:
    _, night = np.unique(np.array(sessions), return_inverse=True)
    known = np.isfinite(values)
    counts = np.bincount(night[known])
    sums = np.bincount(night[known], weights=values[known])
    return sums[counts > 0] / counts[counts > 0]


def _student(statistic: float, degrees: int) -> tuple[float, float]:
    """Return the one-sided p of a t statistic, and the quantile of a 95 % interval."""
    from scipy.stats import t

    return float(t.sf(statistic, degrees)), float(t.ppf(0.975, degrees))


def _second_unit(nights: Nights, decision: Decision, alpha: float) -> Decision:
    """Return the answer with a second unit's word: where it is clear, the unit is the cause."""
    missing = LOOKS[0] - len(nights.second)
    if missing > 0:
        return Decision(WAITING, decision.judge, more=More(SECOND, missing), runs=decision.runs)
    shift, error, degrees = _compared(nights, nights.stored, nights.second, LOOKS[0])
    p_value, _ = _student(shift / error, degrees)
    if p_value <= FUTILE:
        return decision
    cause = f"unit {nights.unit or '?'}: unit {nights.second.units[0] or '?'} is clear"
    return Decision(
        SPENT,
        decision.judge,
        decision.p_value,
        alpha,
        decision.shift,
        decision.interval,
        runs=decision.runs,
        cause=cause,
    )
