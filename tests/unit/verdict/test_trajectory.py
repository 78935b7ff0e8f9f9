"""The early trajectory: equal to the bit, the same within noise, or changed from a step on."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench.verdict.trajectory import (
    CHANGED,
    EXACT,
    LEAST_NOISE,
    MOST_REPEATS,
    SAME,
    UNKNOWN,
    Trajectory,
    compare,
)

LOSSES = [2.3 * 0.95**i for i in range(32)]


def moved(step: int, value: float) -> list[float]:
    """Return the losses with that of a step (from 1) replaced."""
    return [value if i == step - 1 else loss for i, loss in enumerate(LOSSES)]


@given(st.lists(st.floats(), min_size=1, max_size=32))
def test_the_same_bits_are_exact_not_a_number_included(losses: list[float]) -> None:
    assert compare(losses, list(losses)) == Trajectory(EXACT)


def test_nothing_to_compare_with_says_nothing() -> None:
    assert compare([], LOSSES).status == compare(LOSSES, []).status == UNKNOWN


@pytest.mark.parametrize("step", [1, 17, 32])
def test_one_ulp_is_the_same_and_named_by_its_step(step: int) -> None:
    found = compare(moved(step, math.nextafter(LOSSES[step - 1], 9)), LOSSES)
    assert (found.status, found.step) == (SAME, step)
    assert 0 < found.ratio < 1e-6


@pytest.mark.parametrize("step", [1, 10, 32])
def test_a_change_is_named_by_its_first_step(step: int) -> None:
    losses = [loss * (1.001 if i >= step - 1 else 1 + 1e-9) for i, loss in enumerate(LOSSES)]
    found = compare(losses, LOSSES)
    assert (found.status, found.step) == (CHANGED, step)
    assert found.ratio == pytest.approx(0.001 / LEAST_NOISE)


def test_without_repeats_a_millionth_of_the_loss_is_its_noise() -> None:
    within, beyond = 1 + 0.99 * MOST_REPEATS * LEAST_NOISE, 1 + 1.01 * MOST_REPEATS * LEAST_NOISE
    assert compare(moved(4, LOSSES[3] * within), LOSSES).status == SAME
    assert compare(moved(4, LOSSES[3] * beyond), LOSSES).status == CHANGED


def test_repeats_that_differ_more_allow_more() -> None:
    losses = moved(4, LOSSES[3] + 0.01)
    assert compare(losses, LOSSES).status == CHANGED
    repeat = moved(4, LOSSES[3] - 0.001)
    found = compare(losses, LOSSES, [LOSSES, repeat])
    assert (found.status, found.step) == (SAME, 4)
    assert found.ratio == pytest.approx(10)
    useless = [moved(5, 0.0), moved(4, math.nan), [1.0, 1.0]]
    assert compare(losses, LOSSES, useless).status == CHANGED


@pytest.mark.parametrize("other", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_a_change_either_way(other: float) -> None:
    for ours, theirs in ((moved(7, other), LOSSES), (LOSSES, moved(7, other))):
        found = compare(ours, theirs, [theirs])
        assert (found.status, found.step, found.ratio) == (CHANGED, 7, math.inf)
    assert (
        compare(moved(7, other), moved(7, 1.0 if math.isnan(other) else -other)).status == CHANGED
    )


@pytest.mark.parametrize("length", [1, 5, 31])
def test_one_that_ends_early_has_changed_where_it_ends(length: int) -> None:
    for ours, theirs in ((LOSSES[:length], LOSSES), (LOSSES, LOSSES[:length])):
        found = compare(ours, theirs)
        assert (found.status, found.step) == (CHANGED, length + 1)


def test_a_change_before_the_end_is_named_first() -> None:
    assert compare(moved(3, 9.0)[:10], LOSSES).step == 3


def test_zero_and_minus_zero_are_the_same_but_not_exact() -> None:
    assert compare([0.0, 1.0], [-0.0, 1.0]).status == SAME


@given(
    st.lists(st.floats(), max_size=8),
    st.lists(st.floats(), max_size=8),
    st.lists(st.lists(st.floats(), max_size=8), max_size=3),
)
def test_any_numbers_have_an_answer(
    ours: list[float], theirs: list[float], repeats: list[list[float]]
) -> None:
    found = compare(ours, theirs, repeats)
    assert found.status in {EXACT, SAME, CHANGED, UNKNOWN}
    assert (found.step is None) == (found.status in {EXACT, UNKNOWN})
    assert not math.isnan(found.ratio)
