"""Throughput is of the steady state, and there is none without one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accelbench.metrics.throughput import METRIC
from accelbench.records import Run

MakeRun = Callable[..., Run]


def test_batch_size_over_the_median_step(make_run: MakeRun) -> None:
    reading = METRIC.read(make_run(batch_size=50, step_seconds_p50=0.025))
    assert reading is not None
    assert reading.value == pytest.approx(2000.0)


def test_a_run_that_never_settled_has_none(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(steady_state=False)) is None


@pytest.mark.parametrize("median", [None, 0.0])
def test_a_step_time_that_is_not_known_gives_none(make_run: MakeRun, median: float | None) -> None:
    assert METRIC.read(make_run(step_seconds_p50=median)) is None
