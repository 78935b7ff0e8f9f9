"""compile_seconds: seconds before the first step that a compiler took, and that step itself."""

from __future__ import annotations

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return the phases compile and first_step together; None where no step was made.

    What is compiled on first use (lazy graphs, kernels chosen by trial) shows in the first step.
    """
    if not run.epochs:
        return None
    return Reading(run.phases.compile + run.phases.first_step)


METRIC = Metric("compile_seconds", "s", "lower", "device", "log", read)
