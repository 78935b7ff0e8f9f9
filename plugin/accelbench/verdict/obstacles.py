"""What keeps numbers from being judged at all, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelbench.verdict.evidence import BASE, of_role

if TYPE_CHECKING:
    from accelbench.verdict.question import Question


def obstacle(question: Question) -> str:
    """Return why these numbers cannot be judged at all, or an empty text."""
    return _never_reached(question) or _undecidable(question) or _below_zero(question)


def not_reached(question: Question) -> str:
    """Return in words that a run's reading is a lower bound only; empty where none is."""
    for point in (question.first, *question.new_points):
        if point.reading.censored:
            return f"target not reached within {point.reading.value:.5g} {question.metric.unit}"
    return ""


def _never_reached(question: Question) -> str:
    """Return that what the run is compared with is a lower bound only."""
    base = of_role(question.runs, BASE)
    for whose, points in (("reference", question.reference_points), ("base", base)):
        censored = sum(point.reading.censored for point in points)
        if censored:
            return (
                f"{censored} of {len(points)} {whose} runs never reached the target: set one that "
                "every run reaches, or train longer"
            )
    return ""


def _undecidable(question: Question) -> str:
    """Return why no comparison is possible: no digits to compare, or a bound on the wrong side."""
    digits = question.options.exact_digits
    if digits is not None and digits < 1:
        return f"EXACT_DIGITS is {digits}: at least 1 digit is compared"
    # A lower bound tells nothing of a metric that is better when higher, nor of equal digits.
    if digits is not None or question.metric.direction == "higher":
        return not_reached(question)
    return ""


def _below_zero(question: Question) -> str:
    """Return that a ratio cannot be taken.

    Zero is below the resolution, as many small losses are; but a negative number has no logarithm
    at all: clamped, it would hide every change.
    """
    if question.metric.scale != "log" or question.options.exact_digits is not None:
        return ""
    stored = (*question.reference_points, *question.history_points)
    for whose, points in (("it", question.runs), ("a stored run's", stored)):
        lowest = min((point.reading.value for point in points), default=0.0)
        if lowest < 0:
            name = question.metric.name
            return f"{whose} is {lowest:.5g}: {name} is compared by ratio, from 0 up"
    return ""
