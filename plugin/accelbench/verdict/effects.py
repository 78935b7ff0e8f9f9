"""Shifts of the scale as changes of the metric, and the smallest that would have been caught."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from accelbench.records import Reading
from accelbench.verdict import power
from accelbench.verdict.evidence import UNPAIRED

if TYPE_CHECKING:
    from accelbench.metrics import Metric
    from accelbench.verdict.question import Question


def change(metric: Metric, value: float, reference: float) -> float | None:
    """Return the change, above zero for more: a difference for fractions, else relative.

    None where it is not a number: relative to nothing, or beyond all numbers.
    """
    change = value - reference
    if metric.scale != "logit":
        change = change / abs(reference) if reference else math.nan
    return change if math.isfinite(change) else None


def effect(question: Question, shift: float) -> float | None:
    """Return a shift of the turned scale as a change from the reference's middle."""
    metric, scale = question.metric, question.scale
    point = scale.forward(Reading(question.middle, trials=question.first.reading.trials))
    moved = point + metric.worse * shift
    if not math.isfinite(moved):
        return None
    return change(metric, scale.back(moved), scale.back(point))


def interval(question: Question, shifts: tuple[float, float] | None) -> tuple[float, ...]:
    """Return an interval of shifts as changes, the lower first; empty where it is not known."""
    if shifts is None:
        return ()
    ends = [effect(question, shift) for shift in shifts]
    found = [end for end in ends if end is not None]
    return tuple(sorted(found)) if len(found) == 2 else ()


def detectable(question: Question) -> float | None:
    """Return the smallest change for the worse that would have been caught with 90 % power."""
    options, bound = question.options, question.screened.bound
    judge = power.NIGHTS if options.method == UNPAIRED else power.PAIRS
    design = power.Design(
        int(bound.count[0]),
        len({*question.reference.sessions, *question.history.sessions}),
        options.screen,
        options.alpha,
        "" if not options.rerun else power.SEEDS if question.portable else judge,
    )
    found = effect(question, power.detectable_sigmas(design) * float(bound.spread[0]))
    return None if found is None else abs(found)


def blindness(question: Question, detectable: float | None) -> str:
    """Return in words what a blind pass could have seen."""
    if detectable is None:
        return "no change would be caught in 9 of 10 cases: record more reference runs"
    unit = " points" if question.metric.scale == "logit" else " %"
    return (
        f"only a change of {100 * detectable:.2g}{unit} or more would have been seen, and "
        f"{100 * question.smallest_effect:.2g}{unit} matters: record more reference runs"
    )
