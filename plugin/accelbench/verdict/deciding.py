"""Which judge decides a suspicion, with which runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelbench.records import More
from accelbench.verdict.confirm import Decision, pairs, seeds, unpaired
from accelbench.verdict.evidence import BASE, FRESH, NEW, SECOND_UNIT, UNPAIRED, of_role

if TYPE_CHECKING:
    from accelbench.verdict.question import Question


MOST_STORED = 1000
"""More stored runs than this are never asked for."""


def confirmed(question: Question) -> Decision:
    """Return what the fresh runs made so far say."""
    if question.portable:
        return seeds.decide(_seeds(question), question.options.alpha)
    if question.options.method == UNPAIRED:
        return unpaired.decide(_nights(question), question.options.alpha)
    return _paired(question)


def more_runs(question: Question, count: int) -> More:
    """Return a request for so many fresh runs of what is under test, of the judge's kind."""
    paired = not question.portable and question.options.method != UNPAIRED
    return More(pairs.KIND if paired else seeds.KIND, count)


def least_stored(question: Question) -> int:
    """Return how many healthy stored runs the judge needs to reject anything; 0 if it has them."""
    if not question.portable:
        return 0
    limit = seeds.last_alpha(question.options.alpha, collapses=question.line is not None)
    healthy = len(_seeds(question).healthy)
    if seeds.least_p(healthy) <= limit:
        return 0
    enough = (count for count in range(healthy, MOST_STORED) if seeds.least_p(count) <= limit)
    return next(enough, MOST_STORED)


def _seeds(question: Question) -> seeds.Seeds:
    fresh = question.in_order(of_role(question.runs, FRESH))
    first = question.sample([question.first])
    return seeds.Seeds(question.reference, question.history, first, fresh, question.line)


def _paired(question: Question) -> Decision:
    runs = question.runs
    numbers = sorted({p.pair for p in of_role(runs, NEW)} & {p.pair for p in of_role(runs, BASE)})
    sides = [
        question.in_order(
            [next(p for p in of_role(runs, role) if p.pair == n) for n in numbers]
        ).values
        for role in (NEW, BASE)
    ]
    return pairs.decide(sides[0], sides[1], question.options.alpha, question.options.method)


def _nights(question: Question) -> unpaired.Nights:
    return unpaired.Nights(
        question.sample((*question.reference_points, *question.history_points)),
        question.first.unit,
        question.in_order(of_role(question.runs, FRESH)),
        question.in_order(of_role(question.runs, SECOND_UNIT)),
        question.options.units,
        question.resolution,
    )
