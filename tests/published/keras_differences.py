"""How far Keras' training is from itself on several replicas, and from torch's.

Keras trains in a process of its own (keras_side.py), for TensorFlow cannot share one with torch;
torch then trains in this one, from the same weights and on the same batches.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from parallel_parameters import STEPS, WORKLOADS, Difference, difference

from accelbench import data
from accelbench.records import DataFiles, Job, RunSpec

if TYPE_CHECKING:
    import torch

    from accelbench.workers.engine import Params
    from accelbench.workers.workload import Training

Array = NDArray[np.float64]

SCRIPT = Path(__file__).with_name("keras_side.py")

GLOBAL_BATCH = 16
"""The published batch of one device; in double precision a larger one would take minutes."""

EPSILON, BETA2 = 1e-7, 0.999
"""Of Keras' Adam, which adds epsilon before it corrects the second moment's bias."""


@dataclass(frozen=True)
class Agreement:
    """The largest difference of a step's loss between Keras and torch, over `STEPS` steps.

    `epsilon`: "each its own" as the two define Adam, or "Keras'" in both.
    """

    precision: str
    epsilon: str
    largest: float


@dataclass(frozen=True)
class KerasRuns:
    """What keras_side.py wrote in one precision, and the data set on which it trained."""

    precision: str
    arrays: dict[str, Array]
    files: DataFiles

    def parameters(self, name: str) -> tuple[Array, ...]:
        """Return the parameters kept under a name, in the model's order."""
        return tuple(self.arrays[each] for each in self._numbered(name))

    def _numbered(self, name: str) -> Iterator[str]:
        for number in count():
            if f"{name}-{number}" not in self.arrays:
                return
            yield f"{name}-{number}"


def keras_runs(precision: str, folder: Path) -> KerasRuns:
    """Train in Keras by 1, 2 and 4 replicas; `precision` is float32 or float64."""
    files = data.prepare(data.dataset("digits"), folder, (28, 28))
    kept = folder / f"{precision}.npz"
    told = (files.directory, str(kept), precision, str(STEPS), str(GLOBAL_BATCH))
    command = [sys.executable, str(SCRIPT), *told]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(kept, allow_pickle=False) as arrays:
        return KerasRuns(precision, {name: arrays[name] for name in arrays.files}, files)


def keras_differences(runs: KerasRuns) -> list[Difference]:
    """Return the largest differences of a parameter: 2 and 4 replicas against one."""
    one = runs.parameters("after-1")
    return [
        difference(
            f"mnist_cnn_keras, {runs.precision}",
            f"cpu-{replicas}",
            runs.parameters(f"after-{replicas}"),  # type: ignore[arg-type]  # of doubles too
            one,  # type: ignore[arg-type]  # as above
        )
        for replicas in (2, 4)
    ]


def keras_agreement(runs: KerasRuns, *, own_epsilon: bool) -> Agreement:
    """Return the largest difference of a loss: Keras against torch, by one replica each."""
    ours = torch_losses(runs, own_epsilon=own_epsilon)
    largest = float(np.abs(ours - runs.arrays["losses-1"]).max())
    return Agreement(runs.precision, "each its own" if own_epsilon else "Keras'", largest)


def torch_losses(runs: KerasRuns, *, own_epsilon: bool) -> Array:
    """Return torch's losses from Keras' first weights, in Keras' order of the samples."""
    from accelbench.workers.engine import resolve
    from accelbench.workers.task import load_workload
    from accelbench.workers.ways import torch as way

    workload = load_workload(str(WORKLOADS / "mnist_cnn.py"))
    weights = runs.parameters("before")
    chosen = (("batch_size", GLOBAL_BATCH), ("dropout", 0.0), ("learning_rate", 1e-4))

    def build(params: Params) -> Training:
        training: Training = workload.build(params)
        load(training.model, weights, runs.precision)
        adam = training.optimizer if own_epsilon else as_keras(training.optimizer)
        return replace(training, optimizer=adam, shuffles=False, steps_per_epoch=STEPS)

    made: Any = SimpleNamespace(NORMALISE=workload.NORMALISE, build=build)
    spec = RunSpec("mnist_cnn", "cpu", "torch", "digits", 1, 1, params=chosen)
    job = Job(spec, "mnist_cnn.py", "torch", runs.files)
    engine = way.start(job, made, resolve(workload.PARAMETERS, chosen), lambda _phase: None)
    engine.begin_epoch()
    losses = [engine.update(engine.fetch(step)) for step in range(STEPS)]
    return np.array(engine.read_losses(losses))


def load(model: torch.nn.Module, weights: tuple[Array, ...], precision: str) -> None:
    """Put Keras' weights into the torch model, in their precision."""
    import torch

    if precision == "float64":
        model.double()
        model.register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(as_torch(values)))


def as_torch(values: Array) -> Array:
    """Return a Keras weight in torch's layout: outputs first, channels before rows and columns."""
    if values.ndim == 4:
        return values.transpose(3, 2, 0, 1).copy()
    if values.ndim == 1:
        return values
    if values.shape[0] == 3136:  # what follows the flattening of 7 x 7 x 64, channels last
        values = values.reshape(7, 7, 64, -1).transpose(2, 0, 1, 3).reshape(3136, -1)
    return values.T.copy()


def as_keras(adam: Any) -> Any:  # noqa: ANN401  # a function that makes an optimizer
    """Return what makes the same Adam with Keras' epsilon.

    Keras divides by sqrt(v) + epsilon and corrects the bias outside, torch by
    sqrt(v / (1 - beta2^t)) + epsilon: equal where torch's epsilon is Keras' / sqrt(1 - beta2^t).
    """

    def made(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = adam(parameters)
        steps = count(1)

        def before(*_: object) -> None:
            corrected = EPSILON / float(np.sqrt(1 - BETA2 ** next(steps)))
            for group in optimizer.param_groups:
                group["eps"] = corrected

        optimizer.register_step_pre_hook(before)
        return optimizer

    return made
