"""What starts now: as much as fits, the largest first, and workers are left for the units."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from accelbench.dispatch import Moment, Need, Start, starts

FOUR = ("a", "b", "c", "d")
ONE, TWO, ALL = Need(FOUR, 1), Need(FOUR, 2), Need(FOUR, 4)
PLAIN = Need()


def started(
    needs: Sequence[Need], idle: int, held: Sequence[Sequence[str]] = ()
) -> list[tuple[int, ...]]:
    found = starts(needs, Moment(range(len(needs)), held, idle))
    return [start.tests for start in found]


def test_a_test_that_needs_all_units_goes_first() -> None:
    assert starts([ONE, TWO, ALL], Moment((0, 1, 2), (), 4)) == [Start((2,), FOUR)]


def test_small_tests_fill_what_a_large_one_leaves() -> None:
    assert started([ALL, ONE, TWO, ONE, ONE], 4, [("a",)]) == [(2,), (1,)]


def test_nothing_starts_without_an_idle_worker() -> None:
    assert started([ONE, PLAIN], 0, [("a",)]) == []


def test_a_test_takes_units_that_fewer_others_can_use() -> None:
    picky = Need(("a",), 1)
    found = starts([picky, TWO, picky], Moment((0, 1, 2), ((),), 3))
    assert found == [Start((1,), ("b", "c")), Start((0,), ("a",))]


def test_tests_without_a_device_get_the_workers_that_units_cannot_use() -> None:
    cpu = Need(("cpu",), 1)
    assert started([cpu, cpu, PLAIN, PLAIN], 2) == [(0,), (2,)]
    assert started([ONE, ONE, ONE, PLAIN], 3) == [(0,), (1,), (2,)]


def test_a_worker_is_kept_for_the_test_that_a_unit_will_want_when_it_is_free() -> None:
    # Four units are held by one test; when it ends, four small ones want four workers.
    assert started([ONE, ONE, ONE, ONE, PLAIN], 3, [FOUR]) == []
    assert started([ONE, ONE, ONE, ONE, PLAIN], 4, [FOUR]) == [(4,)]


def test_tests_without_a_device_go_in_chunks_that_shrink() -> None:
    assert [len(tests) for tests in started([PLAIN] * 40, 2)] == [5, 4]
    assert [len(tests) for tests in started([PLAIN] * 3, 2)] == [1, 1]


NEEDS = st.lists(
    st.sets(st.sampled_from(FOUR)).flatmap(
        lambda units: st.builds(Need, st.just(tuple(units)), st.integers(bool(units), len(units)))
    ),
    max_size=8,
)


@given(NEEDS, st.sets(st.sampled_from(FOUR)), st.integers(0, 5))
def test_what_starts_fits_and_nothing_more_would(
    needs: list[Need], busy: set[str], idle: int
) -> None:
    found = starts(needs, Moment(range(len(needs)), [tuple(busy)], idle))
    assert len(found) <= idle
    taken = [unit for start in found for unit in start.units]
    assert len({*taken, *busy}) == len(taken) + len(busy), "a unit twice"
    for start in found:
        (need, *_) = [needs[number] for number in start.tests]
        assert len(start.units) == need.count
        assert set(start.units) <= set(need.units)
    chosen = {number for start in found for number in start.tests}
    free = set(FOUR) - busy - set(taken)
    if len(found) < idle:
        fits = [n for n in range(len(needs)) if 0 < needs[n].count <= len(free & {*needs[n].units})]
        assert set(fits) <= chosen
