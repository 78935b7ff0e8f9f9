"""The headline *machine*: rarer than its levels by chance, raised by what slows everything."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t

from accelbench.verdict.machine import COUNT_LEVEL, SIGN_LEVEL, slower

SCREEN = 0.10
WORSE, BETTER, PLAIN = 1e-6, 1 - 1e-6, 0.5


def night(
    metrics: int, worse: int, better: int = 0
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the p-values of a night with so many clear suspicions for worse, and for better."""
    return np.array([WORSE] * worse + [BETTER] * better + [PLAIN] * (metrics - worse - better))


def raised(metrics: int, worse: int, better: int = 0, screen: float = SCREEN) -> bool:
    p_values = night(metrics, worse, better)
    return slower(p_values, p_values, screen)


def share_of_nights(draw: np.random.Generator, scale: float, count: int, metrics: int = 50) -> int:
    """Count nights that raise it where every metric's t is `scale` times its usual size."""
    statistics = scale * draw.standard_t(39, (count, metrics))
    p_values = t.sf(statistics, 39)
    return sum(slower(row, row, SCREEN) for row in p_values)


def test_on_quiet_nights_it_is_raised_by_chance_less_often_than_either_level() -> None:
    nights = 4000
    found = share_of_nights(np.random.default_rng(1), 1.0, nights)
    # So many or more would come by chance, at that rate, in one of 1,000 such tests.
    assert binomtest(found, nights, min(COUNT_LEVEL, SIGN_LEVEL), alternative="greater").pvalue > (
        1e-3
    )


@pytest.mark.parametrize("scale", [2.0, 5.0])
def test_a_noisy_night_suspects_many_and_does_not_raise_it(scale: float) -> None:
    nights = 1000
    draw = np.random.default_rng(2)
    found = share_of_nights(draw, scale, nights)
    assert binomtest(found, nights, SIGN_LEVEL, alternative="greater").pvalue > 1e-3
    suspected = t.sf(scale * draw.standard_t(39, (100, 50)), 39) < SCREEN
    assert suspected.mean() > 2 * SCREEN  # the count alone would be raised


def test_a_slowdown_of_everything_by_three_deviations_raises_it() -> None:
    draw = np.random.default_rng(3)
    p_values = t.sf(draw.standard_t(39, (200, 25)) + 3, 39)
    assert sum(slower(row, row, SCREEN) for row in p_values) == 200


def test_an_improvement_of_everything_does_not() -> None:
    assert not raised(50, 0, 50)


@pytest.mark.parametrize("metrics", [2, 3, 25, 50, 1000])
def test_two_metrics_never_raise_it(metrics: int) -> None:
    assert not raised(metrics, 2)
    assert not raised(metrics, 2, screen=1e-9)


@pytest.mark.parametrize("metrics", [0, 1])
def test_a_night_of_no_or_one_metric_raises_nothing(metrics: int) -> None:
    assert not raised(metrics, metrics)


def binomial_tail(more_than: int, metrics: int, screen: float) -> float:
    """Return P(X > more_than) by adding the terms."""
    return math.fsum(
        math.comb(metrics, k) * screen**k * (1 - screen) ** (metrics - k)
        for k in range(more_than + 1, metrics + 1)
    )


@pytest.mark.parametrize("screen", [0.1, 0.2])
@pytest.mark.parametrize("metrics", [20, 50, 200])
def test_it_takes_more_suspicions_than_the_binomial_quantile_and_than_a_coin_would_give(
    metrics: int, screen: float
) -> None:
    quantile = next(
        k for k in range(metrics + 1) if binomial_tail(k, metrics, screen) <= COUNT_LEVEL
    )
    coins = next(k for k in range(metrics) if 0.5**k < SIGN_LEVEL)
    first = next(k for k in range(metrics + 1) if raised(metrics, k, screen=screen))
    assert first == max(quantile + 1, coins)


@pytest.mark.parametrize("better", [0, 3, 8])
def test_worse_must_outweigh_better_as_no_fair_coin_would(better: int) -> None:
    def coin(worse: int) -> float:
        tosses = worse + better
        return sum(math.comb(tosses, k) for k in range(worse, tosses + 1)) / float(2**tosses)

    expected = next(k for k in range(13, 51) if coin(k) < SIGN_LEVEL)
    found = next(k for k in range(13, 51 - better) if raised(50, k, better))
    assert found == expected


def test_a_metric_counts_only_where_both_with_and_without_the_control_suspect_it() -> None:
    bad, fine = night(50, 40), night(50, 0)
    assert slower(bad, bad, SCREEN)
    assert not slower(bad, fine, SCREEN)
    assert not slower(fine, bad, SCREEN)


@given(st.integers(0, 50), st.integers(0, 50))
def test_one_more_suspicion_never_silences_it(worse: int, better: int) -> None:
    better = min(better, 50 - worse)
    found = [raised(50, k, better) for k in range(worse, 51 - better)]
    assert all(later or not earlier for earlier, later in pairwise(found))
