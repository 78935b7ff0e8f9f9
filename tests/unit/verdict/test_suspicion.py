"""What nominates: the screen of a night at once, and the sum over its sessions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench.verdict import cusum, screen, suspicion
from accelbench.verdict.screen import Stored

DRAW = np.random.default_rng(7)
PAST = DRAW.standard_normal((50, 10))
HISTORY = DRAW.standard_normal((50, 20))
NO_RESOLUTION = np.full(50, 1e-9)


def screened(values: screen.Floats, history: screen.Floats) -> suspicion.Screened:
    stored = Stored(np.column_stack([PAST, history]))
    return suspicion.screened(values, None, stored, history.shape[1], NO_RESOLUTION)


def test_a_whole_night_is_screened_as_metric_by_metric() -> None:
    values = DRAW.standard_normal(50)
    night = screened(values, HISTORY)
    for i in range(50):
        stored = Stored(np.column_stack([PAST, HISTORY])[i : i + 1])
        alone = suspicion.screened(values[i : i + 1], None, stored, 20, NO_RESOLUTION[:1])
        for name in ("p_worse", "p_better", "cusum"):
            assert getattr(alone, name)[0] == pytest.approx(getattr(night, name)[i])


def test_about_as_many_healthy_metrics_are_suspected_as_the_screen_says() -> None:
    draw = np.random.default_rng(8)
    past, values = draw.standard_normal((20_000, 10)), draw.standard_normal(20_000)
    night = suspicion.screened(values, None, Stored(past), 0, np.full(20_000, 1e-9))
    # Four standard errors; the outlier rule leaves out a real value now and then.
    assert (night.p_worse < 0.1).mean() == pytest.approx(0.1, abs=0.012)
    assert (night.p_better < 0.1).mean() == pytest.approx(0.1, abs=0.012)


def test_the_sum_is_of_the_nights_since_the_reference_and_tonight() -> None:
    values = DRAW.standard_normal(50)
    bound = screen.predicted(np.column_stack([PAST, HISTORY]), NO_RESOLUTION)
    centre = np.nanmean(screen.without_outliers(PAST), axis=1)
    residuals = np.column_stack([HISTORY, values]) - centre[:, None]
    expected = cusum.sums(residuals / bound.spread[:, None], 10)
    assert screened(values, HISTORY).cusum == pytest.approx(expected)


def test_what_creeps_in_is_suspected_though_no_night_stands_out() -> None:
    creeping = HISTORY * 0.3 + np.linspace(0.0, 2.0, 20)
    night = screened(creeping[:, -1], creeping)
    assert (night.cusum > cusum.LIMIT).mean() > 0.9
    assert (night.p_worse < 0.01).mean() < 0.1
    assert (night.suspects(0.01) >= (night.cusum > cusum.LIMIT)).all()


@pytest.mark.parametrize("columns", [0, 30])
def test_without_nights_or_without_a_reference_there_is_no_sum(columns: int) -> None:
    stored = Stored(np.column_stack([PAST, HISTORY]))
    found = suspicion.screened(np.full(50, 99.0), None, stored, columns, NO_RESOLUTION)
    assert not found.cusum.any()


def test_a_reference_without_any_value_has_no_sum() -> None:
    stored = Stored(np.column_stack([np.full((1, 4), np.nan), np.ones((1, 6))]))
    found = suspicion.screened(np.array([9.0]), None, stored, 6, np.ones(1))
    assert found.cusum[0] == 0.0


@given(st.floats(-5, 5), st.floats(0, 5), st.sampled_from([0.05, 0.1, 0.3]))
def test_what_is_suspected_stays_suspected_when_it_is_worse(
    value: float, by: float, level: float
) -> None:
    before = screened(np.full(50, value), HISTORY).suspects(level)
    assert (screened(np.full(50, value + by), HISTORY).suspects(level) >= before).all()
