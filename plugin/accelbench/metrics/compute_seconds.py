"""compute_seconds: seconds of an epoch spent on training steps, the median over the epochs."""

from __future__ import annotations

from statistics import median

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return the median over the run's epochs; None without one."""
    return Reading(median(epoch.compute_seconds for epoch in run.epochs)) if run.epochs else None


METRIC = Metric("compute_seconds", "s", "lower", "device", "log", read, 0.02)
