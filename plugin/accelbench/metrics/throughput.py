"""throughput: training samples a second in the steady state."""

from __future__ import annotations

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return batch size over the median steady step time; None without a steady state."""
    counters = run.counters
    if not counters.steady_state or not counters.step_seconds_p50:
        return None
    return Reading(counters.batch_size / counters.step_seconds_p50)


METRIC = Metric("throughput", "samples/s", "higher", "device", "log", read, 0.02)
