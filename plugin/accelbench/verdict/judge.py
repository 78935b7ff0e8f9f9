"""Judges one metric of one run against its reference runs.

The rule for now: the Student-t prediction bound of one run (m = 1), one-sided, with the night's
false-alarm rate split over the gated metrics of the collection. One seam, `judge`, so that a rule
with confirming runs can take its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING

from accelbench.records import Reading, Verdict
from accelbench.verdict import statuses
from accelbench.verdict.scale import Scale, scale_of

if TYPE_CHECKING:
    from accelbench.metrics import Metric

LEAST_REFERENCES = 5
"""With fewer reference runs nothing is judged: `learning`."""

ALPHA_NIGHT = 0.01
"""The rate of false alarms a session may raise over all its gates: 1 night in 100."""


@dataclass(frozen=True)
class Question:
    """What is asked of the judge: one reading, its references, and how many gates there are.

    `exact_digits`: the workload is deterministic and compared to so many significant digits.
    """

    metric: Metric
    reading: Reading
    references: Sequence[Reading]
    gates: int = 1
    alpha_night: float = ALPHA_NIGHT
    exact_digits: int | None = None

    @property
    def alpha(self) -> float:
        """The false-alarm rate of this one gate (Bonferroni over all of them)."""
        return self.alpha_night / max(1, self.gates)


def judge(question: Question) -> Verdict:
    """Return the verdict; never raises for numbers, whatever they are."""
    name, value = question.metric.name, question.reading.value
    if not math.isfinite(value):
        return Verdict(name, statuses.FAILED, value, message=f"{name} is {value}, not a number")
    usable = [r for r in question.references if math.isfinite(r.value)]
    if not usable:
        return Verdict(name, statuses.NEW, value)
    centre, count = median(r.value for r in usable), len(usable)
    obstacle = _obstacle(question, usable)
    if obstacle:
        status = statuses.INCONCLUSIVE
        return Verdict(name, status, value, centre, reference_runs=count, message=obstacle)
    if question.exact_digits is not None:
        return _exactly(question, usable, question.exact_digits)
    if count < LEAST_REFERENCES:
        message = f"{count} reference runs; {LEAST_REFERENCES} are needed to judge"
        status = statuses.LEARNING
        return Verdict(name, status, value, centre, reference_runs=count, message=message)
    verdict = _predicted(question, usable, centre)
    return _of_lower_bound(question, verdict) if question.reading.censored else verdict


def rounded(value: float, digits: int) -> float:
    """Return a number rounded to so many significant digits; 17 tell all numbers apart."""
    return float(f"{value:.{min(digits, 17) - 1}e}")


def _obstacle(question: Question, usable: Sequence[Reading]) -> str:
    """Return why these numbers cannot be judged at all, or an empty text."""
    metric, reading = question.metric, question.reading
    censored = sum(each.censored for each in usable)
    if censored:
        return (
            f"{censored} of {len(usable)} reference runs never reached the target: "
            "set one that every run reaches, or train longer"
        )
    if question.exact_digits is not None:
        if question.exact_digits < 1:
            return f"EXACT_DIGITS is {question.exact_digits}: at least 1 digit is compared"
        return _not_reached(question) if reading.censored else ""
    # Zero is below the resolution, as many small losses are; but a negative number has no logarithm
    # at all: clamped, it would hide every change.
    below = min([reading, *usable], key=lambda each: each.value)
    if metric.scale == "log" and below.value < 0:
        whose = "it" if below is reading else "a reference run's"
        return f"{whose} is {below.value:.5g}: {metric.name} is compared by ratio, from 0 up"
    return ""


def _not_reached(question: Question) -> str:
    return f"target not reached within {question.reading.value:.5g} {question.metric.unit}"


def _of_lower_bound(question: Question, verdict: Verdict) -> Verdict:
    """Return the verdict on a censored reading: the true one is larger, no one knows by how much.

    Where less is better, even the lower bound may be too much; nothing else can be told.
    """
    regressed = verdict.status == statuses.REGRESSED and question.metric.direction == "lower"
    status = statuses.REGRESSED if regressed else statuses.INCONCLUSIVE
    return replace(verdict, status=status, message=_not_reached(question))


def _exactly(question: Question, usable: Sequence[Reading], digits: int) -> Verdict:
    value, reference = question.reading.value, usable[-1].value
    equal = rounded(value, digits) == rounded(reference, digits)
    return Verdict(
        question.metric.name,
        statuses.PASSED if equal else statuses.REGRESSED,
        value,
        reference,
        bound=reference,
        effect=_effect(question.metric, value, reference),
        reference_runs=len(usable),
        message="" if equal else f"deterministic: must be equal to {digits} digits",
    )


def _predicted(question: Question, usable: Sequence[Reading], centre: float) -> Verdict:
    from scipy.stats import t

    metric, reading = question.metric, question.reading
    scale = scale_of(metric.scale, reading)
    points = [scale.forward(each) for each in usable]
    count, mean = len(points), fmean(points)
    spread = max(stdev(points), _resolution(scale, usable))
    worse = -1.0 if metric.direction == "higher" else 1.0
    point = scale.forward(reading)
    p_worse = _p_value(point, points, spread, greater=worse > 0)
    p_better = _p_value(point, points, spread, greater=worse < 0)
    reach = float(t.ppf(1 - question.alpha, count - 1)) * spread * math.sqrt(1 + 1 / count)
    if p_worse < question.alpha:
        status = statuses.REGRESSED
    elif p_better < question.alpha:
        status = statuses.IMPROVED
    else:
        status = statuses.PASSED
    return Verdict(
        metric.name,
        status,
        reading.value,
        centre,
        bound=scale.back(mean + worse * reach),
        effect=_effect(metric, reading.value, centre),
        p_value=p_worse,
        alpha=question.alpha,
        reference_runs=count,
    )


def _p_value(point: float, points: Sequence[float], spread: float, *, greater: bool) -> float:
    """Return the one-sided p of one new run against K stored ones, equal variances.

    With m = 1 this is the Student-t prediction bound: t = (x - mean) / (s sqrt(1 + 1/K)), K - 1
    degrees of freedom.
    """
    from scipy.stats import ttest_ind_from_stats

    test = ttest_ind_from_stats(
        point,
        0.0,
        1,
        fmean(points),
        spread,
        len(points),
        equal_var=True,
        alternative="greater" if greater else "less",
    )
    return float(test.pvalue)


def _resolution(scale: Scale, readings: Sequence[Reading]) -> float:
    """Return the spread below which equal readings say nothing: their own resolution."""
    return min(scale.resolution(each) for each in readings)


def _effect(metric: Metric, value: float, reference: float) -> float | None:
    """Return the change, above zero for more: a difference for fractions, else relative.

    None where it is not a number: relative to nothing, or beyond all numbers.
    """
    change = value - reference
    if metric.scale != "logit":
        change = change / abs(reference) if reference else math.nan
    return change if math.isfinite(change) else None
