"""What a job means to every way that trains torch workloads: the built training, and its data."""

from __future__ import annotations

from types import ModuleType

import torch

from accelbench.records import Evaluation, Job
from accelbench.workers.arrays import open_arrays
from accelbench.workers.engine import Params
from accelbench.workers.torch_data import resident
from accelbench.workers.workload import Tensors, Training


def built(job: Job, workload: ModuleType, params: Params) -> Training:
    """Return what the workload builds, from the weights that its seed gives on any device."""
    torch.manual_seed(job.spec.seed)
    training = workload.build(params)
    if not isinstance(training, Training):
        kind = type(training).__name__
        raise TypeError(f"build() must return accelbench.workers.workload.Training, not {kind}")
    return training


def tensors_of(job: Job, workload: ModuleType, params: Params) -> Tensors:
    """Return a job's data, normalised: of its data set, or what the workload holds itself."""
    if job.data is None:
        tensors: Tensors = workload.data(params)
        return tensors
    arrays = open_arrays(job.data, int(params.get("train_samples") or 0))
    return resident(arrays, *workload.NORMALISE)


def evaluation(training: Training, loss: float, correct: float, samples: int) -> Evaluation:
    """Return the evaluation of a test set: the sum of its losses, and how many were right.

    Where a workload does not classify, its loss is a whole batch's, and there is no accuracy.
    """
    if not training.classifies:
        return Evaluation(loss=loss, samples=samples)
    return Evaluation(loss=loss / samples, samples=samples, accuracy=correct / samples)
