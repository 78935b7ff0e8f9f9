"""What a scaling test measured: rounds of one replica and of several, in numbers to show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from accelbench.metrics.scaling_efficiency import read
from accelbench.records import Outcome, Run
from accelbench.verdict import paired

SCALING = "scaling"
"""The role of a run that others are measured beside."""

LEVEL = 0.95
"""The confidence of an efficiency's interval."""


@dataclass(frozen=True)
class Row:
    """A workload on so many devices; `published`: a report's efficiency.

    `seconds`: of training, without evaluation, median over the rounds. `efficiency`: the geometric
    mean of the rounds' own, whose pairs ran side by side; `interval`: Student's on the log scale,
    (0, inf) below two rounds. The row of one device has neither.
    """

    workload: str
    device: str
    replicas: int
    rounds: int
    seconds: float
    accuracy: float | None
    efficiency: float | None = None
    interval: tuple[float, float] = (0.0, math.inf)
    published: float | None = None

    @property
    def speed_up(self) -> float:
        """How many times the throughput of one replica this is."""
        return 1.0 if self.efficiency is None else self.efficiency * self.replicas


def rows(outcomes: Sequence[Outcome]) -> tuple[Row, ...]:
    """Return what one test's outcomes say of scaling: one device, then several; or nothing."""
    runs = [run for outcome in outcomes for run in (outcome.run, *outcome.references)]
    together = [run for run in runs if read(run) is not None]
    alone = [run for run in runs if run.spec.role == SCALING]
    if not together or not alone:
        return ()
    logs = np.log([reading.value for reading in map(read, together) if reading is not None])
    low, high = paired.interval(logs, LEVEL)
    return (
        _row(alone),
        replace(
            _row(together),
            efficiency=math.exp(float(np.mean(logs))),
            interval=(math.exp(low), math.exp(high)),
            published=_published(outcomes, together[0].spec.replicas),
        ),
    )


def _row(runs: Sequence[Run]) -> Row:
    spec = runs[0].spec
    accuracies = [run.evaluation.accuracy for run in runs if run.evaluation is not None]
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    return Row(
        spec.workload,
        spec.device,
        spec.replicas,
        rounds=len(runs),
        seconds=median(math.fsum(epoch.seconds for epoch in run.epochs) for run in runs),
        accuracy=median(known) if known else None,
    )


def _published(outcomes: Sequence[Outcome], replicas: int) -> float | None:
    """Return the efficiency of a report, by its training seconds; None where it has none."""
    seconds = {
        outcome.run.spec.replicas: float(dict(outcome.published)["seconds"])
        for outcome in outcomes
        if "seconds" in dict(outcome.published)
    }
    if not {1, replicas} <= set(seconds):
        return None
    return seconds[1] / (replicas * seconds[replicas])
