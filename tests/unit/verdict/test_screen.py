"""The screen: the closed form of the prediction bound, its control, and what it leaves out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import t

from accelbench.verdict import screen
from accelbench.verdict.screen import Bound, Floats, Stored

ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(2, 12)),
    elements=st.floats(-50, 50),
)
NO_RESOLUTION = np.zeros(1)


def bound_of(stored: Floats, least: float = 1e-9) -> Bound:
    return screen.predicted(stored, np.full(len(stored), least))


def rows(*values: float) -> Floats:
    return np.array([values], dtype=float)


# -------------------------------------------------------------------------------- closed form
@given(ROWS, st.floats(-100, 100))
def test_p_is_the_closed_form_of_the_prediction_bound(stored: Floats, value: float) -> None:
    bound = bound_of(stored, 0.01)
    found = screen.p_values(np.full(len(stored), value), bound, worse=1.0)
    for i, row in enumerate(stored):
        kept = screen.without_outliers(row[None])[0]
        kept = kept[np.isfinite(kept)]
        spread = max(float(np.std(kept, ddof=1)) if len(kept) > 1 else 0.0, 0.01)
        statistic = (value - kept.mean()) / (spread * math.sqrt(1 + 1 / len(kept)))
        expected = t.sf(statistic, len(kept) - 1) if len(kept) > 1 else 1.0
        assert found[i] == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(ROWS, st.floats(-100, 100))
def test_better_is_the_other_tail(stored: Floats, value: float) -> None:
    bound, values = bound_of(stored, 0.01), np.full(len(stored), value)
    both = screen.p_values(values, bound, 1.0) + screen.p_values(values, bound, -1.0)
    assert both == pytest.approx(np.where(bound.count < 2, 2.0, 1.0))


@given(ROWS, st.sampled_from([0.5, 0.2, 0.1, 0.01, 1e-4]))
def test_a_value_at_the_bound_has_the_screens_level(stored: Floats, level: float) -> None:
    bound = bound_of(stored, 0.01)
    assume((bound.count >= 2).all())
    at = bound.centre + screen.reach(bound, level)
    assert screen.p_values(at, bound, 1.0) == pytest.approx(np.full(len(at), level), rel=1e-6)


@given(ROWS, st.floats(-100, 100))
def test_many_rows_are_judged_as_one_by_one(stored: Floats, value: float) -> None:
    values = np.full(len(stored), value)
    together = screen.p_values(values, bound_of(stored), 1.0)
    alone = [
        float(screen.p_values(values[:1], bound_of(stored[i : i + 1]), 1.0)[0])
        for i in range(len(stored))
    ]
    assert together == pytest.approx(alone, rel=1e-9, abs=1e-300)


def test_one_stored_value_or_none_suspects_nothing() -> None:
    stored = np.array([[1.0, np.nan, np.nan], [np.nan, np.nan, np.nan], [1.0, 1.1, 0.9]])
    bound = bound_of(stored)
    assert list(bound.count) == [1, 0, 3]
    assert list(screen.p_values(np.full(3, 9.0), bound, 1.0) < 0.1) == [False, False, True]
    assert not np.isfinite(screen.reach(bound, 0.1)[:2]).any()


def test_equal_values_still_spread_by_their_resolution() -> None:
    bound = screen.predicted(rows(2.0, 2.0, 2.0), np.array([0.25]))
    assert (bound.centre[0], bound.spread[0]) == (2.0, 0.25)


# ----------------------------------------------------------------------------------- outliers
def test_what_lies_five_robust_deviations_off_is_left_out_and_nothing_nearer() -> None:
    # With either value added the median is 0.5, and the median distance from it 1.5.
    reach = screen.OUTLIER * 1.4826 * 1.5
    for side in (1, -1):
        for value, kept in ((0.5 + reach * 0.999, 6), (0.5 + reach * 1.001, 5)):
            stored = side * rows(-2.0, -1.0, 0.0, 1.0, 2.0, value)
            found = screen.without_outliers(stored)
            assert np.isfinite(found).sum() == kept
            assert np.isfinite(found[0, :5]).all()


def test_one_wild_stored_night_does_not_widen_the_bound() -> None:
    quiet = rows(1.0, 1.1, 0.9, 1.05, 0.95, 1.0)
    wild = np.append(quiet, [[50.0]], axis=1)
    assert bound_of(wild).spread == pytest.approx(bound_of(quiet).spread)


def test_rows_of_equal_or_no_values_lose_none() -> None:
    stored = np.array([[1.0, 1.0, 1.0, 9.0], [np.nan] * 4])
    found = screen.without_outliers(stored)
    assert np.array_equal(found, stored, equal_nan=True)


# ------------------------------------------------------------------------------------ control
def night(size: int) -> tuple[Floats, Floats]:
    """Return a night's shifts of the machine and the metric's own noise."""
    draw = np.random.default_rng(2)
    return draw.normal(0, 0.2, size), draw.normal(0, 0.01, size)


@pytest.mark.parametrize("nights", [1, screen.LEAST_NIGHTS_FOR_A_SLOPE])
def test_a_shift_that_the_control_shares_is_taken_out_exactly(nights: int) -> None:
    shared, _ = night(12)
    stored = Stored((5.0 + shared)[None], (1.0 + shared)[None], nights)
    past, new = screen.adjusted(stored, np.array([5.0 + 0.7]), np.array([1.0 + 0.7]))
    assert past == pytest.approx(np.full((1, 12), 5.0 + shared.mean()))
    assert new == pytest.approx(past[:, 0])


def test_the_slope_is_that_of_least_squares_once_nights_are_many() -> None:
    shared, noise = night(40)
    stored = Stored((0.6 * shared + noise)[None], shared[None], 40)
    slope = np.cov(0.6 * shared + noise, shared)[0, 1] / np.var(shared, ddof=1)
    _, new = screen.adjusted(stored, np.zeros(1), np.array([shared.mean() + 1.0]))
    assert new[0] == pytest.approx(-slope)
    assert 0.5 < slope < 0.7


@pytest.mark.parametrize(("true", "taken"), [(4.0, screen.SLOPE_LIMIT), (-2.0, 0.0), (1.2, 1.2)])
def test_the_slope_is_kept_between_nothing_and_its_limit(true: float, taken: float) -> None:
    shared, _ = night(12)
    stored = Stored((true * shared)[None], shared[None], 12)
    _, new = screen.adjusted(stored, np.zeros(1), np.array([shared.mean() + 1.0]))
    assert new[0] == pytest.approx(-taken)


def test_a_constant_control_adjusts_nothing() -> None:
    _, noise = night(12)
    stored = Stored(noise[None], np.ones((1, 12)), 12)
    past, new = screen.adjusted(stored, np.array([3.0]), np.array([2.0]))
    assert np.array_equal(past, noise[None])
    assert new[0] == 3.0


def test_without_controls_nothing_is_adjusted_and_unknown_ones_are_passed_over() -> None:
    shared, _ = night(12)
    values = (5.0 + shared)[None]
    past, new = screen.adjusted(Stored(values), np.array([6.0]), None)
    assert past is values
    assert new[0] == 6.0
    holes = shared.copy()
    holes[:3] = np.nan
    past, _ = screen.adjusted(Stored(values, holes[None], 12), np.array([6.0]), np.array([0.0]))
    assert np.array_equal(past[0, :3], values[0, :3])
    assert past[0, 3:] == pytest.approx(np.full(9, 5.0 + shared[3:].mean()))


def test_several_new_runs_are_adjusted_each_by_its_own_control() -> None:
    shared, _ = night(12)
    stored = Stored((5.0 + shared)[None], shared[None], 12)
    _, new = screen.adjusted(stored, np.array([[5.5, 4.0]]), np.array([[0.5, -1.0]]))
    assert new == pytest.approx(np.full((1, 2), 5.0 + shared.mean()))
