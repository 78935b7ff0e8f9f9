"""Energy per sample: over the samples of all epochs."""

from __future__ import annotations

from collections.abc import Callable

from accelbench.metrics.energy_per_sample_joules import METRIC
from accelbench.records import Reading, Run

MakeRun = Callable[..., Run]


def test_energy_is_divided_by_the_samples_of_all_epochs(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(energy_joules=1400.0)) == Reading(0.5)


def test_a_run_that_nobody_measured_or_that_trained_nothing_has_none(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(energy_joules=None)) is None
    assert METRIC.read(make_run(energy_joules=1.0, epochs=())) is None
