"""Student's interval of paired differences, against its closed form and scipy's own test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from accelbench.verdict import paired

VALUES = st.lists(st.floats(-1, 1), min_size=2, max_size=12)


def test_two_values_have_the_closed_form_of_one_degree_of_freedom() -> None:
    # Student's t with one degree of freedom is Cauchy's: its 97.5 % quantile is tan(0.475 pi).
    low, high = paired.interval(np.array([0.0, 2.0]), 0.95)
    reach = math.tan(0.475 * math.pi) * math.sqrt(2.0) / math.sqrt(2.0)
    assert (low, high) == pytest.approx((1 - reach, 1 + reach))


@given(VALUES, st.floats(0.5, 0.99))
def test_the_interval_is_that_of_scipys_test(values: list[float], level: float) -> None:
    differences = np.array(values)
    if np.std(differences) < 1e-9:
        return
    expected = ttest_1samp(differences, 0.0).confidence_interval(level)
    assert paired.interval(differences, level) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("values", [[], [0.3]])
def test_less_than_two_pairs_say_nothing(values: list[float]) -> None:
    assert paired.interval(np.array(values), 0.9) == (-math.inf, math.inf)
    assert paired.spread(np.array(values)) == math.inf


def test_pairs_that_are_all_equal_still_scatter_by_their_rounding() -> None:
    equal = np.zeros(3)
    assert paired.interval(equal, 0.9) == (0.0, 0.0)
    low, high = paired.interval(equal, 0.9, resolution=1 / 360)
    assert low == -high < 0
    assert paired.spread(equal, 1 / 360) == pytest.approx(1 / 360 / math.sqrt(6))


def test_the_least_spread_is_that_of_two_rounded_values() -> None:
    draw = np.random.default_rng(1)
    exact = draw.uniform(0.2, 0.9, size=(2, 200_000))
    errors = np.round(exact, 1) - exact
    assert float(np.std(errors[0] - errors[1])) == pytest.approx(0.1 / math.sqrt(6), rel=0.01)


@given(VALUES)
def test_a_coarser_resolution_never_narrows_the_interval(values: list[float]) -> None:
    fine, coarse = (paired.interval(np.array(values), 0.9, r) for r in (0.001, 0.1))
    assert coarse[0] <= fine[0] <= fine[1] <= coarse[1]
