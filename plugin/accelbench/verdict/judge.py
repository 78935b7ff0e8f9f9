"""Judges one metric of one run against its reference runs.

The rule for now: the Student-t prediction bound of one run (m = 1), one-sided, with the night's
false-alarm rate split over the gated metrics of the collection. One seam, `judge`, so that a rule
with confirming runs can take its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
    if question.exact_digits is not None:
        return _exactly(question, usable)
    centre = median(r.value for r in usable)
    if len(usable) < LEAST_REFERENCES:
        message = f"{len(usable)} reference runs; {LEAST_REFERENCES} are needed to judge"
        return Verdict(
            name, statuses.LEARNING, value, centre, reference_runs=len(usable), message=message
        )
    return _predicted(question, usable, centre)


def rounded(value: float, digits: int) -> float:
    """Return a number rounded to so many significant digits."""
    return float(f"{value:.{digits - 1}e}")


def _exactly(question: Question, usable: Sequence[Reading]) -> Verdict:
    digits = question.exact_digits or 1
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
    """Return the change: a difference for fractions, else relative to the reference."""
    if metric.scale == "logit":
        return value - reference
    return None if reference == 0 else value / reference - 1
