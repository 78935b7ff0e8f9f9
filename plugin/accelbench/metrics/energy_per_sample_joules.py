"""energy_per_sample_joules: the energy to train on one sample, over all epochs."""

from __future__ import annotations

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return energy over the samples of the epochs; None where it was not measured."""
    joules, samples = run.counters.energy_joules, sum(epoch.samples for epoch in run.epochs)
    return None if joules is None or not samples else Reading(joules / samples)


METRIC = Metric("energy_per_sample_joules", "J", "lower", "device", "log", read)
