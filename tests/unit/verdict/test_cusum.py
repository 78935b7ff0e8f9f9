"""The sum over sessions against a plain loop, and how soon and how seldom it nominates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest

from accelbench.verdict import cusum

RESIDUALS = arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(0, 12)),
    elements=st.one_of(st.floats(-10, 10), st.just(math.nan)),
)


def by_hand(residuals: list[float], reference_runs: int) -> float:
    total = 0.0
    for residual in residuals:
        known = 0.0 if math.isnan(residual) else residual
        clipped = max(-cusum.CLIP, min(cusum.CLIP, known))
        total = max(0.0, total + clipped - cusum.ALLOWANCE - 1 / math.sqrt(max(1, reference_runs)))
    return total


@given(RESIDUALS, st.integers(0, 50))
def test_the_sums_are_those_of_a_plain_loop(residuals: cusum.Floats, reference_runs: int) -> None:
    found = cusum.sums(residuals, reference_runs)
    expected = [by_hand(list(row), reference_runs) for row in residuals]
    assert found == pytest.approx(expected, abs=1e-12)


@given(RESIDUALS, st.integers(1, 50), st.floats(0, 5))
def test_worse_nights_never_lower_the_sum(
    residuals: cusum.Floats, reference_runs: int, by: float
) -> None:
    worse = cusum.sums(residuals + by, reference_runs)
    assert np.all(worse >= cusum.sums(residuals, reference_runs))


def streams(shift: float, nights: int, count: int = 4000) -> cusum.Floats:
    """Return residuals as the screen makes them: from the mean of 10 reference runs."""
    draw = np.random.default_rng(11)
    centre = draw.standard_normal((count, 10)).mean(axis=1)
    return np.asarray(draw.standard_normal((count, nights)) + shift - centre[:, None])


def crossed(residuals: cusum.Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Tell which streams are above the limit on any night."""
    nights = range(1, residuals.shape[1] + 1)
    sums = [cusum.sums(residuals[:, :night], 10) for night in nights]
    return np.asarray(np.max(sums, axis=0) > cusum.LIMIT)


def test_without_a_change_two_months_seldom_nominate() -> None:
    found = crossed(streams(0.0, 60))
    # Allowing for the centre too, it is rarer than Page's once in 930 nights: 60 / 930 = 6.5 %.
    bound = binomtest(int(found.sum()), len(found)).proportion_ci(0.95).high
    assert bound < 60 / 930


def test_a_shift_that_stays_is_nominated_within_ten_sessions() -> None:
    assert crossed(streams(1.5, 10)).mean() > 2 / 3
    assert crossed(streams(3.0, 5)).mean() > 0.95


def test_one_wild_night_is_never_enough() -> None:
    residuals = np.zeros((1, 20))
    residuals[0, -1] = 1e9
    assert cusum.sums(residuals, 10)[0] < cusum.LIMIT
