"""scaling_efficiency: the throughput of N replicas over N times that of one, measured beside it."""

from __future__ import annotations

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def rate(run: Run) -> float | None:
    """Return samples/s: the global batch over the median step, however short the steady state was.

    A ratio of two runs of one round needs no settled one as a throughput does.
    """
    median = run.counters.step_seconds_p50
    return run.counters.batch_size / median if median else None


def read(run: Run) -> Reading | None:
    """Return the efficiency; None where no run of one replica stood beside this one."""
    together, alone = rate(run), run.counters.one_replica_throughput
    if together is None or not alone:
        return None
    return Reading(together / (run.spec.replicas * alone))


METRIC = Metric("scaling_efficiency", "fraction", "higher", "device", "log", read, 0.02)
