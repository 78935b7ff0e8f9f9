"""The energy of a run is the worker's own count."""

from __future__ import annotations

from collections.abc import Callable

from accelbench.metrics.energy_joules import METRIC
from accelbench.records import Reading, Run

MakeRun = Callable[..., Run]


def test_the_energy_is_read_in_joules(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(energy_joules=1234.5)) == Reading(1234.5)
    assert (METRIC.unit, METRIC.worse) == ("J", 1.0)


def test_a_run_that_nobody_measured_has_none(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(energy_joules=None)) is None
