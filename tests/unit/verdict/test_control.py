"""The control's speed at the time of a run."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench.verdict.control import control_at

TIMES = [0.0, 600.0, 1200.0, 1800.0, 2400.0]


@given(st.floats(1, 1e6), st.floats(-1e-3, 1e-3), st.floats(-3600, 3600))
def test_a_machine_that_slows_down_evenly_is_followed(
    start: float, slope: float, time: float
) -> None:
    values = [start * math.exp(slope * t) for t in TIMES]
    assert control_at(TIMES, values, time) == pytest.approx(start * math.exp(slope * time))


def test_one_outlier_is_not_followed() -> None:
    values = [100.0, 100.0, 20.0, 100.0, 100.0]
    assert control_at(TIMES, values, 1200.0) == pytest.approx(100.0)


def test_the_order_of_the_controls_runs_does_not_matter() -> None:
    values = [100.0, 98.0, 97.0, 95.0, 91.0]
    found = control_at(TIMES[::-1], values[::-1], 700.0)
    assert found == pytest.approx(control_at(TIMES, values, 700.0))


@pytest.mark.parametrize("values", [[50.0], [40.0, 62.5], [49.0, 50.0, 1000.0]])
def test_fewer_than_three_or_all_at_one_time_give_their_median(values: list[float]) -> None:
    found = control_at([5.0] * len(values), values, 99.0)
    assert found == pytest.approx(float(np.exp(np.median(np.log(values)))))


@pytest.mark.parametrize("wild", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_speed_does_not_count(wild: float) -> None:
    assert control_at([*TIMES, 3000.0], [100.0] * 5 + [wild], 0.0) == pytest.approx(100.0)
    assert control_at([0.0], [wild], 0.0) is None


def test_a_run_at_no_time_does_not_count() -> None:
    assert control_at([*TIMES, math.nan], [*[100.0] * 5, 1.0], 0.0) == pytest.approx(100.0)


def test_without_runs_or_beyond_all_numbers_there_is_none() -> None:
    assert control_at([], [], 0.0) is None
    assert control_at([1.0, 2.0, 3.0], [1.0, 1e3, 1e6], 1e9) is None
