"""time_to_accuracy: training seconds until the target accuracy was first reached."""

from __future__ import annotations

from itertools import accumulate

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return seconds of the epochs up to the first that reached the workload's target.

    A target that is never reached gives all the training's seconds, censored. None without a
    target (parameter `target_accuracy`) or epochs, and where an epoch was not evaluated that may
    have reached it.
    """
    target = run.counters.target_accuracy
    if target is None or not run.epochs:
        return None
    elapsed = list(accumulate(epoch.seconds for epoch in run.epochs))
    for seconds, epoch in zip(elapsed, run.epochs, strict=True):
        if epoch.accuracy is None:
            return None
        if epoch.accuracy >= target:
            return Reading(seconds)
    return Reading(elapsed[-1], censored=True)


METRIC = Metric("time_to_accuracy", "s", "lower", "device", "log", read)
