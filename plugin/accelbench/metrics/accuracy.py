"""accuracy: the fraction of the test set that the trained model gets right."""

from __future__ import annotations

from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return the last evaluation's accuracy with its number of trials."""
    if run.evaluation is None or run.evaluation.accuracy is None:
        return None
    return Reading(run.evaluation.accuracy, trials=run.evaluation.samples)


METRIC = Metric("accuracy", "fraction", "higher", "portable", "logit", read, 0.003)
