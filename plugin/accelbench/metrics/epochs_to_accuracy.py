"""epochs_to_accuracy: epochs of training until the target accuracy was first reached."""

from __future__ import annotations

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return the number of the first epoch that reached the workload's target, from 1.

    A target that is never reached gives all epochs, censored. None without a target (parameter
    `target_accuracy`) or epochs, and where an epoch was not evaluated that may have reached it.
    Any machine needs as many, so that it compares over machines.
    """
    target = run.counters.target_accuracy
    if target is None or not run.epochs:
        return None
    for number, epoch in enumerate(run.epochs, 1):
        if epoch.accuracy is None:
            return None
        if epoch.accuracy >= target:
            return Reading(float(number))
    return Reading(float(len(run.epochs)), censored=True)


METRIC = Metric("epochs_to_accuracy", "epochs", "lower", "portable", "log", read)
