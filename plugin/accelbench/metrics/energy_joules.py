"""energy_joules: the energy that all devices of a run took while it trained."""

from __future__ import annotations

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return the energy of the timed windows, without evaluation; None where none was measured."""
    joules = run.counters.energy_joules
    return None if joules is None else Reading(joules)


METRIC = Metric("energy_joules", "J", "lower", "device", "log", read)
