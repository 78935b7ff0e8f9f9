"""The exact rank tests against scipy and against the listing of all choices, ties included."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from accelbench.verdict import ranks

Floats = ranks.Floats

SIZES = st.integers(1, 5)
DISTINCT = st.lists(st.integers(-1000, 1000), min_size=2, max_size=14, unique=True)
TIED = st.lists(st.integers(0, 4), min_size=2, max_size=10)


def array(values: list[int]) -> Floats:
    return np.array(values, dtype=float)


def u_statistic(new: list[int], stored: list[int]) -> float:
    return sum((n > s) + (n == s) / 2 for n in new for s in stored)


def listed(new: list[int], stored: list[int]) -> float:
    """Return P(U >= observed) by listing every choice of which values are the new ones."""
    joint = [*new, *stored]
    observed = u_statistic(new, stored)
    found = []
    for chosen in combinations(range(len(joint)), len(new)):
        rest = [joint[i] for i in range(len(joint)) if i not in chosen]
        found.append(u_statistic([joint[i] for i in chosen], rest) >= observed)
    return sum(found) / len(found)


# ------------------------------------------------------------------------------------------- p
@given(DISTINCT, st.data())
def test_p_without_ties_is_scipys_exact_one(values: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(values) - 1))
    new, stored = values[:cut], values[cut:]
    expected = mannwhitneyu(new, stored, alternative="greater", method="exact").pvalue
    assert ranks.p_greater(array(new), array(stored)) == pytest.approx(expected, rel=1e-12)


@given(TIED, st.data())
@settings(max_examples=60)
def test_p_with_ties_is_the_share_of_all_choices(values: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, min(5, len(values) - 1)))
    new, stored = values[:cut], values[cut:]
    found = ranks.p_greater(array(new), array(stored))
    assert found == pytest.approx(listed(new, stored), rel=1e-12)


@given(TIED, st.data())
def test_a_worse_new_value_never_raises_p(values: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(values) - 1))
    new, stored = values[:cut], values[cut:]
    which, by = data.draw(st.integers(0, cut - 1)), data.draw(st.integers(1, 5))
    raised = [value + by * (i == which) for i, value in enumerate(new)]
    before = ranks.p_greater(array(new), array(stored))
    assert ranks.p_greater(array(raised), array(stored)) <= before * (1 + 1e-12)


@given(TIED, st.data())
def test_p_does_not_depend_on_any_order_nor_on_a_rising_scale(
    values: list[int], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(values) - 1))
    new, stored = values[:cut], values[cut:]
    p = ranks.p_greater(array(new), array(stored))
    mixed = data.draw(st.permutations(new)), data.draw(st.permutations(stored))
    assert ranks.p_greater(array(mixed[0]), array(mixed[1])) == p
    assert ranks.p_greater(np.exp(array(new)) * 1e-3, np.exp(array(stored)) * 1e-3) == p


def test_one_side_empty_shows_nothing() -> None:
    some, none = array([1, 2]), array([])
    assert ranks.p_greater(none, some) == ranks.p_greater(some, none) == 1.0
    assert ranks.least_p(0, 5) == ranks.least_p(5, 0) == 1.0


@given(st.integers(1, 12), st.integers(1, 60))
@settings(max_examples=40)
def test_the_least_p_is_one_of_all_ways_and_is_reached(new: int, stored: int) -> None:
    above, below = (
        np.arange(new, dtype=np.float64) + 1000.0,
        np.arange(stored, dtype=np.float64) * 1.0,
    )
    assert ranks.least_p(new, stored) == 1 / math.comb(new + stored, new)
    assert ranks.p_greater(above, below) == pytest.approx(ranks.least_p(new, stored), rel=1e-9)
    tied = np.repeat(0.0, stored)
    assert ranks.p_greater(above, tied) == pytest.approx(ranks.least_p(new, stored), rel=1e-9)


def test_against_as_many_as_are_kept_p_is_still_exact_in_the_far_tail() -> None:
    new, stored = (
        np.arange(8, dtype=np.float64) + 1e6,
        np.arange(ranks.MOST_STORED, dtype=np.float64) * 1.0,
    )
    expected = ranks.least_p(8, ranks.MOST_STORED)
    assert ranks.p_greater(new, stored) == pytest.approx(expected, rel=1e-9)
    assert ranks.p_greater(np.repeat(1e6, 8), stored) == pytest.approx(expected, rel=1e-9)


# ----------------------------------------------------------------------------------- thinning
@given(st.lists(st.integers(0, 30), min_size=6, max_size=14), st.lists(st.integers(0, 31)))
def test_thinned_values_never_give_a_smaller_p(stored: list[int], new: list[int]) -> None:
    new = new[:3]
    assume(new)
    full = ranks.p_greater(array(new), array(stored))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "MOST_STORED", 5)
        assert len(ranks.thinned(array(stored))) == 5
        assert ranks.p_greater(array(new), array(stored)) >= full * (1 - 1e-12)


def test_thousands_of_values_are_thinned_to_a_p_just_above_their_own() -> None:
    draw = np.random.default_rng(3)
    stored = draw.standard_normal(4_000)
    for shift in (0.0, 0.5, 1.0, 1.5):
        new = draw.standard_normal(3) + shift
        full = mannwhitneyu(new, stored, alternative="greater", method="exact").pvalue
        assert full <= ranks.p_greater(new, stored) <= full * 1.2


def test_the_order_of_what_is_thinned_does_not_matter() -> None:
    stored = np.random.default_rng(4).permutation(np.arange(2000, dtype=np.float64))
    assert np.array_equal(ranks.thinned(stored), ranks.thinned(np.sort(stored)))
    assert ranks.thinned(stored).max() == stored.max()


# ---------------------------------------------------------------------------------- two-sided
@given(TIED, st.data())
@settings(max_examples=40)
def test_a_difference_is_twice_the_smaller_tail_from_either_side(
    values: list[int], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(values) - 1))
    one, other = values[:cut], values[cut:]
    tails = listed(one, other), listed([-v for v in one], [-v for v in other])
    expected = min(1.0, 2 * min(tails))
    assert ranks.p_differs(array(one), array(other)) == pytest.approx(expected)
    assert ranks.p_differs(array(other), array(one)) == pytest.approx(expected)


def test_large_samples_that_differ_are_told_at_once_and_equal_ones_are_not() -> None:
    draw = np.random.default_rng(5)
    one, other = draw.standard_normal(3000), draw.standard_normal(200_000)
    assert ranks.p_differs(one, other) > 0.01
    assert ranks.p_differs(one + 0.2, other) < 1e-6
    assert ranks.p_differs(np.round(one), np.round(other)) > 0.01
    assert ranks.p_differs(np.zeros(100), np.zeros(200)) == 1.0


@pytest.mark.parametrize("size", [ranks.MOST_EXACT, ranks.MOST_EXACT + 1])
def test_the_exact_and_the_approximate_difference_meet(size: int) -> None:
    one, other = np.arange(size, dtype=np.float64) + 9.25, np.arange(60, dtype=np.float64) * 0.5
    expected = mannwhitneyu(one, other, method="asymptotic").pvalue
    assert ranks.p_differs(one, other) == pytest.approx(expected, rel=0.2)


# ----------------------------------------------------------------------- shift and its interval
@given(TIED, st.data())
def test_the_shift_is_the_median_of_all_differences(values: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(values) - 1))
    new, stored = array(values[:cut]), array(values[cut:])
    differences = [n - s for n in new for s in stored]
    assert ranks.shift(new, stored) == np.median(differences)
    low, high = ranks.interval(new, stored)
    assert low <= ranks.shift(new, stored) <= high


def reached(new: int, stored: int, count: int) -> float:
    """Return P(U < count) of samples without ties, by listing all places of the new values."""
    found = []
    for places in combinations(range(new + stored), new):
        below = sum(place - i for i, place in enumerate(places))
        found.append(below < count)
    return sum(found) / len(found)


@pytest.mark.parametrize(("new", "stored"), [(3, 3), (3, 7), (4, 6), (5, 5), (2, 12), (6, 6)])
@pytest.mark.parametrize("level", [0.51, 0.81, 0.91, 0.95])
def test_the_interval_holds_its_level_and_a_narrower_one_would_not(
    new: int, stored: int, level: float
) -> None:
    # Differences that are all distinct: the end of the interval tells which of them it is.
    values, olds = (
        np.arange(new, dtype=np.float64) * 100.0,
        -np.arange(stored, dtype=np.float64) * 1.0,
    )
    differences = sorted(v - o for v in values for o in olds)
    low, high = ranks.interval(values, olds, level)
    if math.isinf(low):
        assert high == math.inf
        assert 1 - 2 * reached(new, stored, 1) < level
        return
    count = differences.index(low) + 1
    assert differences.index(high) == len(differences) - count
    assert 1 - 2 * reached(new, stored, count) >= level
    assert 2 * count >= len(differences) or 1 - 2 * reached(new, stored, count + 1) < level


def test_the_interval_covers_as_often_as_its_level_says_where_nothing_changed() -> None:
    # Every arrangement of 4 + 6 distinct values is as likely: 0 is covered at the level or above.
    covered = []
    for places in combinations(range(10), 4):
        new = array(list(places))
        stored = array([i for i in range(10) if i not in places])
        low, high = ranks.interval(new, stored, 0.9)
        covered.append(low <= 0 <= high)
    assert sum(covered) / len(covered) == pytest.approx(1 - 2 * reached(4, 6, 4))
    assert sum(covered) / len(covered) >= 0.9


def test_five_against_ten_keep_the_published_critical_value() -> None:
    # Mann and Whitney's table: for 5 and 10 values, two-sided 5 %, U is significant up to 8; so the
    # interval runs from the 9th smallest to the 9th largest of the 50 differences.
    new, stored = np.arange(5, dtype=np.float64) * 100.0, -np.arange(10, dtype=np.float64) * 1.0
    differences = sorted(n - s for n in new for s in stored)
    assert ranks.interval(new, stored) == (differences[8], differences[-9])


@given(st.floats(0.5, 0.999), st.floats(0.5, 0.999), st.integers(2, 6), st.integers(2, 12))
@settings(max_examples=40)
def test_more_confidence_never_narrows_the_interval(
    one: float, two: float, new: int, stored: int
) -> None:
    draw = np.random.default_rng(new * stored)
    ours, theirs = draw.standard_normal(new), draw.standard_normal(stored)
    found = [ranks.interval(ours, theirs, level) for level in sorted((one, two))]
    for less, more in pairwise(found):
        assert more[0] <= less[0] <= less[1] <= more[1]


def test_too_few_values_have_no_interval() -> None:
    assert ranks.interval(array([1]), array([2, 3])) == (-math.inf, math.inf)


def test_a_million_values_have_a_shift_and_an_interval() -> None:
    stored = np.random.default_rng(6).standard_normal(1_000_000)
    new = np.linspace(1.5, 2.5, 8)
    assert ranks.shift(new, stored) == pytest.approx(2.0, abs=0.02)
    low, high = ranks.interval(new, stored)
    assert 1.0 < low < 2.0 < high < 3.0
