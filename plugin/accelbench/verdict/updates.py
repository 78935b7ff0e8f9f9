"""The update rule: which runs must not join the reference beside the ones that are there.

A reference is what all later nights are measured by. What drifts, what is noisier, what collapses
more often or what nobody could confirm would become the measure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from accelbench.records import Reading
from accelbench.verdict import collapse, ranks
from accelbench.verdict.evidence import Point
from accelbench.verdict.sample import Sample, sample
from accelbench.verdict.scale import Scale, scale_of
from accelbench.verdict.statuses import (
    CONTENDED,
    FAILED,
    INCONCLUSIVE,
    MORE,
    PENDING,
    REGRESSED,
)

if TYPE_CHECKING:
    from accelbench.metrics import Metric

LEVEL = 0.01
"""Each of the rule's tests refuses a session by chance once in a hundred."""

LEAST_RUNS = 4
"""With fewer runs a session says too little of its own spread and place."""

LEAST_NIGHTS = 3
"""A device's reference needs so many nights before one of them can be told from the others."""

REFUSED = frozenset({REGRESSED, FAILED, INCONCLUSIVE, MORE, PENDING, CONTENDED})
"""Verdicts whose runs do not become a reference."""


def refusal(
    metric: Metric, reference: Sequence[Point], session: Sequence[Point], chance: float
) -> str:
    """Return why a session's runs must not join the reference's, or an empty text.

    By exact ranks (two-sided), an F test of the variances (one-sided), and a binomial test of the
    collapses; a device's nights differ, so that its ranks count from `LEAST_NIGHTS` on only.
    """
    known = [point for point in session if math.isfinite(point.reading.value)]
    stored = [point for point in reference if math.isfinite(point.reading.value)]
    if not known or not stored:
        return ""
    scale = scale_of(metric.scale, known[0].reading)
    ours, theirs = sample(metric, scale, known), sample(metric, scale, stored)
    line = _line(metric, scale, stored, chance)
    new, old = _healthy(ours.values, line), _healthy(theirs.values, line)
    placed = metric.scope == "portable" or not too_few_nights(stored)
    return _collapsed(theirs, ours, line) or _noisier(new, old) or (_moved(new, old) * placed)


def too_few_nights(reference: Sequence[Point]) -> bool:
    """Tell whether a device's reference is still learning how much its nights differ."""
    return len({point.session for point in reference}) < LEAST_NIGHTS


def _line(metric: Metric, scale: Scale, reference: Sequence[Point], chance: float) -> float | None:
    """Return where a run has collapsed, on the scale with worse above."""
    if metric.scale != "logit":
        return None
    level = collapse.line([point.reading.value for point in reference], chance)
    trials = reference[0].reading.trials
    return None if level is None else metric.worse * scale.forward(Reading(level, trials=trials))


def _healthy(values: ranks.Floats, line: float | None) -> ranks.Floats:
    return values if line is None else values[values <= line]


def _collapsed(reference: Sample, session: Sample, line: float | None) -> str:
    from scipy.stats import binom

    if line is None:
        return ""
    usual = collapse.usual_rate(int((reference.values > line).sum()), len(reference))
    down = int((session.values > line).sum())
    if down and binom.sf(down - 1, len(session), usual) < LEVEL:
        return f"{down} of its {len(session)} runs collapsed, where {usual:.0%} is usual"
    return ""


def _noisier(ours: ranks.Floats, theirs: ranks.Floats) -> str:
    from scipy.stats import f

    if min(len(ours), len(theirs)) < LEAST_RUNS or np.var(theirs) <= 0:
        return ""
    ratio = float(np.var(ours, ddof=1)) / float(np.var(theirs, ddof=1))
    p_value = float(f.sf(ratio, len(ours) - 1, len(theirs) - 1))
    if p_value >= LEVEL:
        return ""
    return f"its runs scatter more than the reference's (F test, p {p_value:.1g})"


def _moved(ours: ranks.Floats, theirs: ranks.Floats) -> str:
    if min(len(ours), len(theirs)) < LEAST_RUNS:
        return ""
    p_value = 2 * min(ranks.p_greater(ours, theirs), ranks.p_greater(-ours, -theirs))
    if p_value >= LEVEL:
        return ""
    return f"its runs lie elsewhere than the reference's (rank test, p {p_value:.1g})"
