"""Scaling efficiency is of N replicas against N times one, and only where one stood beside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accelbench.metrics.scaling_efficiency import METRIC, rate
from accelbench.records import Run

MakeRun = Callable[..., Run]


def test_throughput_over_that_of_as_many_single_replicas(make_run: MakeRun) -> None:
    # 64 samples in 40 ms: 1,600 a second; four of 500 would make 2,000.
    run = make_run(replicas=4, batch_size=64, step_seconds_p50=0.04, one_replica_throughput=500.0)
    reading = METRIC.read(run)
    assert reading is not None
    assert reading.value == pytest.approx(0.8)


def test_a_run_that_never_settled_counts_too(make_run: MakeRun) -> None:
    run = make_run(batch_size=10, step_seconds_p50=0.01, steady_state=False)
    assert rate(run) == pytest.approx(1000.0)


@pytest.mark.parametrize("alone", [None, 0.0])
def test_without_a_run_of_one_replica_beside_it_there_is_none(
    make_run: MakeRun, alone: float | None
) -> None:
    assert METRIC.read(make_run(one_replica_throughput=alone)) is None


@pytest.mark.parametrize("median", [None, 0.0])
def test_a_step_time_that_is_not_known_gives_none(make_run: MakeRun, median: float | None) -> None:
    run = make_run(step_seconds_p50=median, one_replica_throughput=500.0)
    assert METRIC.read(run) is None
    assert rate(run) is None
