"""Trains a workload that brings its own steps: plain Python, numpy, or any other framework.

The workload file defines `start(params, seed, data)`, which returns an object with the engine's
methods (`accelbench.workers.engine.Engine`), or a `Stepper`.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Callable, List, Optional

from accelbench.records import Evaluation, Job, Pairs
from accelbench.workers.arrays import Arrays, open_arrays
from accelbench.workers.engine import Engine, Params

REPLICAS = "one"
PLATFORMS = ("cpu",)


def start(job: Job, workload: ModuleType, params: Params, enter: Callable[[str], None]) -> Engine:
    """Hand the workload its parameters, seed and arrays; it returns what the loop drives."""
    enter("data")
    arrays: Optional[Arrays] = None
    if job.data is not None:
        arrays = open_arrays(job.data, int(params.get("train_samples") or 0))
    engine: Engine = workload.start(params, job.spec.seed, arrays)
    return engine


class Stepper:
    """The engine of a training that is one function: `step(number) -> loss`, a float."""

    def __init__(
        self,
        step: Callable[[int], float],
        evaluate: Callable[[], Evaluation],
        batch_size: int,
        steps_per_epoch: int,
    ) -> None:
        self._step = step
        self.evaluate = evaluate
        self.batch_size = batch_size
        self.steps_per_epoch = steps_per_epoch
        self.parameters = 0

    def compile(self) -> None:
        """Do nothing: plain Python has nothing to compile."""

    def begin_epoch(self) -> None:
        """Do nothing: a step knows its own data."""

    def fetch(self, step: int) -> int:
        """Return the step's number within the epoch."""
        return step

    def update(self, batch: int) -> float:
        """Do one step; return its loss."""
        return self._step(batch)

    def synchronize(self) -> None:
        """Do nothing: nothing is queued."""

    def read_losses(self, losses: List[Any]) -> List[float]:
        """Return the losses as they are."""
        return [float(loss) for loss in losses]

    def treatment(self) -> Pairs:
        """Return numpy's version."""
        import numpy as np

        return (("framework_version", np.__version__),)
