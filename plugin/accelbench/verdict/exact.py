"""Deterministic workloads: compared to so many digits, without any statistics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from accelbench.records import Verdict
from accelbench.verdict import effects, statuses

if TYPE_CHECKING:
    from accelbench.verdict.question import Question

JUDGE = "exact"


def rounded(value: float, digits: int) -> float:
    """Return a number rounded to so many significant digits; 17 tell all numbers apart."""
    return float(f"{value:.{min(digits, 17) - 1}e}")


def judged(question: Question) -> Verdict:
    """Return passed where all runs equal the latest reference run to the digits, else regressed."""
    digits = question.options.exact_digits or 0
    latest = max(question.reference_points, key=lambda p: (p.time, p.session, p.reading.value))
    reference = latest.reading.value
    values = [point.reading.value for point in (question.first, *question.new_points)]
    other = [value for value in values if rounded(value, digits) != rounded(reference, digits)]
    equal, value = not other, (other or values)[0]
    return replace(
        question.verdict(statuses.PASSED if equal else statuses.REGRESSED),
        value=value,
        reference=reference,
        bound=reference,
        effect=effects.change(question.metric, value, reference),
        judge=JUDGE,
        message="" if equal else f"deterministic: must be equal to {digits} digits",
    )
