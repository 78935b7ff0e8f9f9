"""The RCP checker's rule by hand, by its own search for the limit, and its true error rate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from accelbench.peers import mlperf_rcp, rule

RULE = rule("mlperf_rcp")

REFERENCE = [40.0, 41.0, 41.0, 42.0, 42.0, 43.0, 43.0, 44.0, 44.0, 50.0]
"""Trimmed: 41 41 42 42 43 43 44 44, mean 42.5. All ten: mean 43, squares 9 + 4 + 4 + 1 + 1 + 0 + 0
+ 1 + 1 + 49 = 70, so that the spread with ddof 0 is the root of 7."""


def row(values: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([values])


def test_the_mean_leaves_the_best_and_the_worst_run_out() -> None:
    assert mlperf_rcp.olympic_mean(row(REFERENCE))[0] == 42.5
    assert mlperf_rcp.olympic_mean(row(REFERENCE), 4)[0] == 42.5
    assert mlperf_rcp.olympic_mean(row([1.0, 5.0, 9.0]))[0] == 5.0


def test_the_limit_is_what_a_calculator_gives() -> None:
    # 8 reference and 3 new runs are left: t(0.95, 9) = 1.8331129, root(1/8 + 1/3) = 0.6770032.
    expected = 42.5 - 1.8331129 * 0.6770032 * math.sqrt(7)
    assert mlperf_rcp.limit(row(REFERENCE), 5)[0] == pytest.approx(expected, abs=1e-5)
    assert expected == pytest.approx(39.21657, abs=1e-4)


def test_p_is_what_a_calculator_gives() -> None:
    # Trimmed mean 40: t = (40 - 42.5) / (root 7 * 0.6770032) = -1.3957, 9 degrees of freedom.
    new = row([30.0, 39.0, 40.0, 41.0, 60.0])
    p = mlperf_rcp.p_lower(new, row(REFERENCE))[0]
    assert p == pytest.approx(stats.t.cdf(-2.5 / (math.sqrt(7) * 0.6770032), 9), abs=1e-6)
    assert p == pytest.approx(0.0981, abs=2e-4)


def test_at_the_limit_it_begins_to_alarm() -> None:
    limit = float(mlperf_rcp.limit(row(REFERENCE), 5)[0])
    assert RULE.alarms(row([limit - 0.001] * 5), row(REFERENCE))[0]
    assert not RULE.alarms(row([limit + 0.001] * 5), row(REFERENCE))[0]


def searched_limit(stored: list[float], runs: int) -> float:
    """Return the limit as a search for it by halves finds it, from the test's two-sided p."""
    ordered = sorted(stored)[1:-1]
    mean, spread = sum(ordered) / len(ordered), float(np.std(stored))
    low, high = 0.0, mean
    while high - low > 1e-4:
        middle = (low + high) / 2
        t, p = stats.ttest_ind_from_stats(middle, spread, len(ordered), mean, spread, runs - 2)
        one_sided = p / 2 if t < 0 else 1 - p / 2
        low, high = (low, middle) if one_sided > 0.05 else (middle, high)
    return (low + high) / 2


@given(st.lists(st.floats(20, 60), min_size=6, max_size=20), st.integers(4, 12))
def test_the_closed_form_is_what_a_search_by_halves_finds(stored: list[float], runs: int) -> None:
    if np.std(stored) < 1e-3:
        return
    limit = float(mlperf_rcp.limit(row(stored), runs)[0])
    assert max(limit, 0.0) == pytest.approx(searched_limit(stored, runs), abs=2e-4)


@given(
    st.lists(st.floats(20, 60), min_size=10, max_size=20),
    st.lists(st.floats(20, 60), min_size=5, max_size=5),
)
def test_it_alarms_exactly_below_its_limit(stored: list[float], new: list[float]) -> None:
    mean = float(mlperf_rcp.olympic_mean(row(new))[0])
    limit = float(mlperf_rcp.limit(row(stored), 5)[0])
    if np.std(stored) > 1e-3 and abs(mean - limit) > 1e-6:
        assert bool(RULE.alarms(row(new), row(stored))[0]) == (mean < limit)


def test_the_spread_of_the_new_runs_never_enters() -> None:
    calm, wild = [38.0, 39.0, 39.0, 39.0, 40.0], [1.0, 30.0, 39.0, 48.0, 90.0]
    scores = [RULE.scores(row(new), row(REFERENCE))[0] for new in (calm, wild)]
    assert scores[0] == scores[1]


def test_a_reference_without_spread_lets_nothing_lower_pass() -> None:
    same = row([42.0] * 10)
    assert RULE.alarms(row([41.99] * 5), same)[0]
    assert not RULE.alarms(row([42.0] * 5), same)[0]
    assert not RULE.alarms(row([42.01] * 5), same)[0]


def test_its_true_error_rate_is_below_five_per_cent_with_ten_and_five_runs() -> None:
    generator = np.random.default_rng(11)
    values = generator.normal(42.0, 1.5, (20000, 15))
    rate = RULE.alarms(values[:, :5], values[:, 5:]).mean()
    assert 0.03 < rate < 0.04
