"""Judges one metric: screens its run, asks for fresh ones where it is suspect, and decides by them.

A pure function of numbers: the same question has the same answer, on any machine, at any time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from accelbench.records import More, Verdict
from accelbench.verdict import deciding, effects, exact, floors, obstacles, statuses
from accelbench.verdict.confirm import Decision, decision
from accelbench.verdict.evidence import SCREEN, JudgeOptions, Point, of_role
from accelbench.verdict.question import Question

if TYPE_CHECKING:
    from accelbench.metrics import Metric

LEAST_REFERENCES = 5
"""With fewer stored runs nothing is screened: `learning`."""


def judge(
    metric: Metric,
    reference: Sequence[Point],
    history: Sequence[Point],
    runs: Sequence[Point],
    options: JudgeOptions,
) -> Verdict:
    """Return the verdict on `runs`: first the test's own, then the fresh ones made so far.

    `more` says which further ones it needs. Never raises for numbers, whatever they are; a stored
    one that is not finite does not count.
    """
    first = next(iter(of_role(runs, SCREEN)), None)
    if first is None:
        return Verdict(metric.name, statuses.INCONCLUSIVE, message="the test's own run is missing")
    reading = first.reading
    unreadable = [p.reading.value for p in (first, *runs) if not math.isfinite(p.reading.value)]
    if unreadable:
        message = f"{metric.name} is {unreadable[0]}, not a number"
        return Verdict(metric.name, statuses.FAILED, reading.value, message=message)
    floor = options.floor
    # A deterministic run would break it again: nothing is left to ask.
    strict = floor is not None and (floor.strict or options.exact_digits is not None)
    if floor and strict and floors.broken(metric, floor, first):
        return floors.failed(metric, replace(floor, strict=True), [first])
    question = Question.of(metric, reference, history, runs, options)
    if not question.reference_points:
        return _unreferenced(question)
    return _judged(question)


def _unreferenced(question: Question) -> Verdict:
    """Return the verdict without any reference: new, or failed where its floor is broken."""
    by_floor = _by_floor(question)
    new = Verdict(question.metric.name, statuses.NEW, question.first.reading.value)
    return by_floor or new


def _judged(question: Question) -> Verdict:
    obstacle = obstacles.obstacle(question)
    if obstacle:
        return replace(question.verdict(statuses.INCONCLUSIVE), message=obstacle)
    if question.options.exact_digits is not None:
        return exact.judged(question)
    by_floor = _by_floor(question)
    if by_floor is not None:
        return by_floor
    learning = _learning(question)
    if learning:
        return replace(question.verdict(statuses.LEARNING), message=learning)
    if not question.suspicions:
        return _improved(question) or _passed(question)
    found = deciding.confirmed(question)
    return _decided(question, found)


def _by_floor(question: Question) -> Verdict | None:
    """Return the verdict that a broken soft floor alone decides, or None."""
    floor = question.options.floor
    if floor is None or not floors.broken(question.metric, floor, question.first):
        return None
    points = [question.first, *question.new_points][: floors.RUNS]
    broken = [point for point in points if floors.broken(question.metric, floor, point)]
    if len(broken) >= floors.BROKEN:
        return floors.failed(question.metric, floor, broken)
    missing = floors.RUNS - len(points)
    if len(broken) + missing < floors.BROKEN:
        return None
    verdict = replace(question.verdict(statuses.MORE), suspected_by=question.suspicions)
    return _waiting(question, verdict, deciding.more_runs(question, missing))


def _learning(question: Question) -> str:
    """Return why nothing can be judged yet, or an empty text."""
    stored = question.stored_runs
    if stored < LEAST_REFERENCES:
        return f"{stored} reference runs; {LEAST_REFERENCES} are needed to judge"
    needed = deciding.least_stored(question)
    if needed > 0:
        return f"{stored} stored runs; {needed} healthy ones are needed to judge"
    return ""


def _decided(question: Question, found: Decision) -> Verdict:
    """Return the verdict on a suspicion from what its fresh runs say."""
    effect = effects.effect(question, found.shift) if found.shift is not None else None
    verdict = replace(
        question.verdict(statuses.INCONCLUSIVE),
        suspected_by=question.suspicions,
        judge=found.judge,
        new_runs=found.runs,
        cause=found.cause,
    )
    if found.answer == decision.WAITING:
        return _waiting(question, verdict, found.more)
    verdict = replace(
        verdict,
        p_value=found.p_value,
        alpha=found.alpha,
        effect=effect,
        interval=effects.interval(question, found.interval),
    )
    rejected = found.answer == decision.REJECTED
    if rejected and (_worth_it(question, verdict) or found.cause):
        return replace(verdict, status=statuses.REGRESSED)
    bounded = obstacles.not_reached(question)
    if bounded:
        return replace(verdict, message=bounded)
    if found.answer == decision.CLEARED or (not found.cause and _excluded(question, verdict)):
        return _passed(question, verdict, _SMALL if rejected else "")
    return replace(verdict, message=found.cause or _OPEN)


_SMALL = "real, but below half of the smallest effect"
_OPEN = "suspected, and neither shown nor ruled out"


def _waiting(question: Question, verdict: Verdict, more: More | None) -> Verdict:
    """Return `more`, or `inconclusive` where no more runs can be made."""
    if question.options.rerun:
        return replace(verdict, status=statuses.MORE, more=more)
    wanted = f"{more.count} {more.kind} {_RUNS[more.kind]} would decide" if more else ""
    message = f"suspected by {', '.join(question.suspicions)}; {wanted}"
    bounded = obstacles.not_reached(question)
    if bounded:
        message = f"{bounded}; {wanted}"
    return replace(verdict, status=statuses.INCONCLUSIVE, more=more, message=message)


_RUNS = {"fresh": "runs", "pairs": "of new and base", "second unit": "runs"}


def _worth_it(question: Question, verdict: Verdict) -> bool:
    """Tell whether a change is large enough; one beyond all numbers is."""
    effect = verdict.effect
    return effect is None or abs(effect) >= question.smallest_effect / 2


def _excluded(question: Question, verdict: Verdict) -> bool:
    """Tell whether the interval leaves out every change for the worse that is worth a person."""
    if not verdict.interval:
        return False
    worst = verdict.interval[1] if question.metric.worse > 0 else -verdict.interval[0]
    return worst < question.smallest_effect


def _improved(question: Question) -> Verdict | None:
    """Return `improved` where fresh runs confirm a suspicion of better, by the mirrored test."""
    if not question.looks_better or not question.new_points or obstacles.not_reached(question):
        return None
    found = deciding.confirmed(question.mirrored())
    if found.answer != decision.REJECTED or found.shift is None:
        return None
    verdict = replace(
        question.verdict(statuses.IMPROVED),
        judge=found.judge,
        new_runs=found.runs,
        p_value=found.p_value,
        alpha=found.alpha,
        effect=effects.effect(question, -found.shift),
    )
    return verdict if _worth_it(question, verdict) else None


def _passed(question: Question, verdict: Verdict | None = None, message: str = "") -> Verdict:
    """Return a pass with the effect that it would have caught; blind where that is too large."""
    verdict = verdict or question.verdict(statuses.PASSED)
    detectable = effects.detectable(question)
    blind = detectable is None or detectable > question.smallest_effect
    if blind and not message:
        message = effects.blindness(question, detectable)
    status = statuses.BLIND if blind else statuses.PASSED
    return replace(verdict, status=status, detectable=detectable, message=message)
