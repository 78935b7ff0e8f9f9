"""Which judge decides a suspicion, with which runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelbench.records import More
from accelbench.verdict.confirm import Decision, pairs, seeds, unpaired
from accelbench.verdict.evidence import BASE, FRESH, NEW, SECOND_UNIT, UNPAIRED, of_role

if TYPE_CHECKING:
    from accelbench.verdict.question import Question


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


def least_p(question: Question) -> tuple[float, float]:
    """Return the smallest p that the judge's last look could reach, and its limit."""
    if not question.portable:
        return 0.0, 1.0
    healthy = len(_seeds(question).healthy)
    limit = seeds.last_alpha(question.options.alpha, collapses=question.line is not None)
    return seeds.least_p(healthy), limit


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
