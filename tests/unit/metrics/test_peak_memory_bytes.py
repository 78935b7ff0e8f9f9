"""The peak is the worker's own count."""

from __future__ import annotations

from collections.abc import Callable

from accelbench.metrics.peak_memory_bytes import METRIC
from accelbench.records import Reading, Run

MakeRun = Callable[..., Run]


def test_the_peak_is_read_in_bytes(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(peak_memory_bytes=3 * 2**20)) == Reading(3145728.0)


def test_a_device_that_does_not_tell_has_none(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(peak_memory_bytes=0)) is None
