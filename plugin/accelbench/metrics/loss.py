"""loss: the loss on the test set after training."""

from __future__ import annotations

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return the last evaluation's loss."""
    return None if run.evaluation is None else Reading(run.evaluation.loss)


METRIC = Metric("loss", "", "lower", "portable", "log", read, 0.02)
