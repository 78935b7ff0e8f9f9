"""peak_memory_bytes: the most memory that the worker held: resident, on a CPU."""

from __future__ import annotations

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return the peak; None where the device does not tell."""
    peak = run.counters.peak_memory_bytes
    return Reading(float(peak)) if peak else None


METRIC = Metric("peak_memory_bytes", "B", "lower", "device", "log", read, 0.02)
