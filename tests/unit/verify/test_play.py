"""Playing cells: the screen of many at once is the judge's own, and every run asked for is made."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest

from accelbench.metrics import metric
from accelbench.records import Verdict
from accelbench.verdict import Point, judge, statuses
from accelbench.verdict.evidence import BASE, FRESH, NEW, PAIRED_CODE, SCREEN, UNPAIRED
from accelbench.verify import draws, worlds
from accelbench.verify.draws import Accuracies, Throughputs
from accelbench.verify.play import Cells, Rules, play
from accelbench.verify.worlds import CLEAN, DRIFT, NOISY, UNITS_2, World
from accelbench.verify.worlds import FRESH as SEVEN

LOOKS = {
    "pairs": {8, 16, 24},
    "seeds": {3, 8, 12, 16},
    "unpaired": {4, 8},
}
"""How many runs a judge may have asked for when it has its answer."""


def noting(cells: Cells, made: list[tuple[int, Point]]) -> Cells:
    """Return the same cells, noting each run that is made of them."""
    kind = type(cells)

    class Noting(kind):  # type: ignore[misc,valid-type]  # either of the two
        def run(self, cell: int, role: str, number: int, rng: np.random.Generator) -> Point:
            point = super().run(cell, role, number, rng)
            made.append((cell, point))
            assert isinstance(point, Point)
            return point

    found: Cells = Noting(**{each.name: getattr(cells, each.name) for each in fields(kind)})
    return found


def speed(world: World, count: int = 3, cells: int = 25, drop: float = 0.0) -> Throughputs:
    rng = np.random.default_rng(21)
    found = draws.throughputs(world, draws.nights(world, count, rng), cells, rng)
    return replace(found, drop=drop)


def right(
    world: World, count: int = 3, drop: float = 0.0, collapses: float | None = None
) -> Accuracies:
    found = draws.accuracies(world, count, 25, np.random.default_rng(22))
    usual = world.collapses
    return replace(found, drop=drop, collapses=usual if collapses is None else collapses)


def asked(cells: Cells, cell: int, points: list[Point], rules: Rules) -> Verdict:
    """Return the judge's own verdict on some runs of a cell."""
    subject = metric("throughput" if isinstance(cells, Throughputs) else "accuracy")
    stored = cells.stored_points(cell)
    split = cells.world.reference
    return judge(subject, stored[:split], stored[split:], points, rules.options)


CASES: dict[str, tuple[Cells, str]] = {
    "throughput, drift": (speed(DRIFT), PAIRED_CODE),
    "throughput, noise doubled": (speed(NOISY), PAIRED_CODE),
    "throughput, units": (speed(UNITS_2), PAIRED_CODE),
    "throughput, units, unpaired": (speed(UNITS_2), UNPAIRED),
    "throughput, unpaired": (speed(DRIFT), UNPAIRED),
    "throughput, 7 stored runs": (speed(SEVEN), PAIRED_CODE),
    "throughput, dropped": (speed(DRIFT, drop=0.04), PAIRED_CODE),
    "accuracy, drift": (right(DRIFT), PAIRED_CODE),
    "accuracy, 7 stored runs": (right(SEVEN), PAIRED_CODE),
    "accuracy, dropped": (right(DRIFT, drop=1.5), PAIRED_CODE),
    "accuracy, half of it collapsing": (right(DRIFT, collapses=0.5), PAIRED_CODE),
}


@pytest.mark.parametrize("screen", [0.1, 0.2])
@pytest.mark.parametrize("name", CASES)
def test_the_screen_of_many_nominates_exactly_what_the_judge_suspects(
    name: str, screen: float
) -> None:
    cells, method = CASES[name]
    rules = Rules(method, screen)
    played = play(cells, rules, np.random.default_rng(23))
    suspected = 0
    for cell, first in enumerate(played.firsts):
        verdict = asked(cells, cell, [first], rules)
        assert verdict.screen_p == pytest.approx(played.p_worse[cell], rel=1e-6, abs=1e-12)
        assert (verdict.status == statuses.MORE) == (played.runs[cell] > 1), verdict
        assert bool(verdict.suspected_by) == (verdict.status == statuses.MORE)
        suspected += bool(verdict.suspected_by)
    assert 0 < suspected < len(played.firsts)


def test_the_sum_over_sessions_nominates_on_its_own_in_both() -> None:
    cells = speed(replace(DRIFT, drift=0.03), count=20)
    played = play(cells, Rules(PAIRED_CODE), np.random.default_rng(24))
    alone = [
        cell
        for cell, first in enumerate(played.firsts)
        if asked(cells, cell, [first], Rules(PAIRED_CODE)).suspected_by == ("cusum",)
    ]
    assert alone
    assert (played.runs[alone] > 1).all()
    assert (played.p_worse[alone] >= 0.1).all()


@pytest.mark.parametrize("world", [DRIFT, SEVEN, UNITS_2], ids=lambda world: world.name)
def test_without_a_control_the_screen_is_the_judges_without_one(world: World) -> None:
    cells = speed(world)
    played = play(cells, Rules(PAIRED_CODE), np.random.default_rng(25))
    differ = 0
    for cell, first in enumerate(played.firsts):
        verdict = asked(cells, cell, [replace(first, control=None)], Rules(PAIRED_CODE))
        found = played.p_unadjusted[cell]
        assert verdict.screen_p == pytest.approx(found, rel=1e-6, abs=1e-12)
        differ += abs(found - played.p_worse[cell]) > 0.01
    assert differ > len(played.firsts) / 2


def test_with_seven_stored_runs_nothing_unpaired_can_be_asked_or_rejected() -> None:
    cells = speed(SEVEN, drop=0.5)
    played = play(cells, Rules(UNPAIRED), np.random.default_rng(23))
    assert (played.runs == 1).all()
    assert not played.regressed.any()


@pytest.mark.parametrize("name", CASES)
def test_every_run_asked_for_is_made_and_counted_and_the_last_verdict_counts(name: str) -> None:
    cells, method = CASES[name]
    made: list[tuple[int, Point]] = []
    rules = Rules(method)
    played = play(noting(cells, made), rules, np.random.default_rng(26))
    assert played.runs.sum() == len(made)
    for cell in np.flatnonzero(played.runs > 1):
        points = [point for number, point in made if number == cell]
        assert points[0] == played.firsts[cell]
        fresh = _paired(points[1:])
        verdict = asked(cells, int(cell), [points[0], *fresh], rules)
        assert verdict.status != statuses.MORE
        assert (verdict.status == statuses.REGRESSED) == played.regressed[cell]
        # The e-process looks after every run: of a collapse it may know before the last one.
        if not cells_collapse(cells):
            before = asked(cells, int(cell), [points[0], *fresh[:-1]], rules)
            assert before.status == statuses.MORE
        assert len(fresh) in LOOKS[_kind(cells, method)]


def cells_collapse(cells: Cells) -> bool:
    return isinstance(cells, Accuracies) and cells.collapses > 0


def _kind(cells: Cells, method: str) -> str:
    if isinstance(cells, Accuracies):
        return "seeds"
    return "unpaired" if method == UNPAIRED else "pairs"


def _paired(points: list[Point]) -> list[Point]:
    """Number the pairs of a duet as they were run: two by two."""
    return [replace(point, pair=i // 2) for i, point in enumerate(points)]


def test_a_pair_has_both_sides_in_either_order() -> None:
    made: list[tuple[int, Point]] = []
    play(noting(speed(DRIFT, drop=0.04), made), Rules(PAIRED_CODE), np.random.default_rng(27))
    order: Counter[tuple[str, str]] = Counter()
    for cell in {number for number, _ in made}:
        roles = [point.role for number, point in made if number == cell and point.role != SCREEN]
        order.update(zip(roles[::2], roles[1::2], strict=True))
    assert set(order) == {(NEW, BASE), (BASE, NEW)}
    # A fair coin, to four standard errors.
    assert abs(order[NEW, BASE] - order[BASE, NEW]) < 4 * sum(order.values()) ** 0.5


def test_a_gross_drop_regresses_by_every_judge_and_nothing_does_without_one() -> None:
    rng = np.random.default_rng(28)
    for method in (PAIRED_CODE, UNPAIRED):
        assert play(speed(CLEAN, 2, drop=0.5), Rules(method), rng).regressed.all()
        assert not play(speed(CLEAN, 2), Rules(method), rng).regressed.any()
    assert play(right(CLEAN, 2, drop=8.0), Rules(PAIRED_CODE), rng).regressed.all()
    assert not play(right(CLEAN, 2), Rules(PAIRED_CODE), rng).regressed.any()
    assert play(right(CLEAN, 2, collapses=1.0), Rules(PAIRED_CODE), rng).regressed.all()


def test_fresh_seeds_and_unpaired_runs_are_asked_of_what_is_under_test_alone() -> None:
    for cells, method in ((right(DRIFT, drop=3.0), PAIRED_CODE), (speed(DRIFT), UNPAIRED)):
        made: list[tuple[int, Point]] = []
        play(noting(cells, made), Rules(method), np.random.default_rng(29))
        assert {point.role for _, point in made} == {SCREEN, FRESH}


def test_a_second_unit_is_asked_where_there_is_one_and_may_clear_the_suspicion() -> None:
    cells = speed(replace(UNITS_2, drift=0.0), drop=0.12)
    made: list[tuple[int, Point]] = []
    played = play(noting(cells, made), Rules(UNPAIRED, units=2), np.random.default_rng(30))
    asked_second = {number for number, point in made if point.role == "second unit"}
    assert asked_second
    assert played.regressed.any()
    assert set(np.flatnonzero(played.regressed)) <= asked_second


def test_the_options_are_those_of_a_night_of_fifty_gates() -> None:
    options = Rules(UNPAIRED).options
    assert (options.gates, options.rerun, options.chance) == (worlds.METRICS, True, 0.1)
    assert options.alpha == pytest.approx(0.01 / 12)
