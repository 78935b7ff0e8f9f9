"""The share of peak follows from the steady throughput; there is none where a part is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accelbench.metrics.model_flops_utilisation import METRIC
from accelbench.records import Run

MakeRun = Callable[..., Run]

# 128 samples of 3.329 GFLOP in 2.26 s on a host that multiplies 201 GFLOP/s.
KNOWN = {
    "batch_size": 128,
    "step_seconds_p50": 2.26,
    "flops_per_sample": 3.329e9,
    "peak_flops_per_second": 201e9,
}


def test_operations_of_the_steady_steps_over_what_the_devices_can(make_run: MakeRun) -> None:
    reading = METRIC.read(make_run(**KNOWN))
    assert reading is not None
    assert reading.value == pytest.approx(0.938, abs=1e-3)


def test_twice_the_devices_at_the_same_speed_are_half_as_busy(make_run: MakeRun) -> None:
    one = METRIC.read(make_run(**KNOWN))
    two = METRIC.read(make_run(**{**KNOWN, "peak_flops_per_second": 402e9}))
    assert one is not None
    assert two is not None
    assert two.value == pytest.approx(one.value / 2)


@pytest.mark.parametrize(
    "missing",
    [
        {"flops_per_sample": None},
        {"peak_flops_per_second": None},
        {"peak_flops_per_second": 0.0},
        {"step_seconds_p50": None},
        {"steady_state": False},
    ],
    ids=str,
)
def test_without_one_of_its_parts_there_is_none(
    make_run: MakeRun, missing: dict[str, object]
) -> None:
    assert METRIC.read(make_run(**{**KNOWN, **missing})) is None
