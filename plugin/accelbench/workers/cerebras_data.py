"""Data for the Cerebras SDK: the batches that the torch way makes, in the same order.

On the user's node the workload is the one that trains here; on a worker node of the cluster this
module arrives with the function that `cerebras_input` makes, and the workload file lies beside it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Dict, Iterator, Optional, Tuple

import torch
from torch import Tensor

import accelbench
from accelbench import codec
from accelbench.records import Job
from accelbench.workers.arrays import Arrays, open_arrays
from accelbench.workers.engine import Params, resolve
from accelbench.workers.torch_data import Batches, Feed, resident
from accelbench.workers.workload import Augmentation, Tensors

WORKLOAD = "workload.py"
"""The name under which a workload file travels."""

Batch = Tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Part:
    """Which batches a function makes.

    Of the training set `passes` epochs of shuffled batches; of the test set, in its order, those
    from sample `begin` up to `end`, which must be a multiple of `batch_size` apart.
    """

    batch_size: int
    training: bool
    passes: int = 1
    shuffles: bool = True
    steps_per_epoch: Optional[int] = None
    augmented: bool = False
    begin: int = 0
    end: int = 0


@dataclass(frozen=True)
class Share:
    """What one of the cluster's workers streams: of its steps every `every`th from `first` on.

    Of each step's batch it takes `size` samples from `offset` on: those of its CSX.
    """

    offset: int
    size: int
    first: int = 0
    every: int = 1

    def of(self, step: int, batch: Batch) -> Optional[Batch]:
        """Return this worker's samples of a step's batch; None where the step is another's."""
        if step % self.every != self.first:
            return None
        if self.size == len(batch[0]):
            return batch
        taken = slice(self.offset, self.offset + self.size)
        return batch[0][taken], batch[1][taken]


class TrainingBatches:
    """The shuffled batches of `passes` epochs; each further iteration goes on where one ended."""

    def __init__(self, feed: Feed, passes: int, share: Share) -> None:
        self._feed = feed
        self._passes = passes
        self._share = share

    def __len__(self) -> int:
        """Return how many batches an iteration yields to a worker that streams all of them."""
        return self._passes * self._feed.steps_per_epoch

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of one or several epochs."""
        steps = self._feed.steps_per_epoch
        for epoch in range(self._passes):
            self._feed.begin_epoch()
            for step in range(steps):
                taken = self._share.of(epoch * steps + step, _narrow(self._feed.fetch(step)))
                if taken is not None:
                    yield taken


class EvaluationBatches:
    """The test set in its order, in batches of one size."""

    def __init__(self, data: Batch, part: Part, share: Share) -> None:
        self._data = data
        self._part = part
        self._share = share

    def __len__(self) -> int:
        """Return how many batches there are."""
        return (self._part.end - self._part.begin) // self._part.batch_size

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches."""
        inputs, targets = self._data
        size = self._part.batch_size
        for step, begin in enumerate(range(self._part.begin, self._part.end, size)):
            batch = (inputs[begin : begin + size], targets[begin : begin + size])
            taken = self._share.of(step, _narrow(batch))
            if taken is not None:
                yield taken


def _narrow(batch: Batch) -> Batch:
    """Return a batch whose labels are int32, as the CSX takes them."""
    inputs, targets = batch
    return inputs, targets.to(torch.int32) if targets.dtype == torch.int64 else targets


def opened(job_text: str, part_fields: Dict[str, Any]) -> Any:  # noqa: ANN401  # either kind
    """Return the batches that a job and a part ask for, as an iterable with a length."""
    job, part = codec.loads(Job, job_text), Part(**part_fields)
    workload = _workload(job)
    params = resolve(workload.PARAMETERS, job.spec.params)
    share = share_of(_distributed(), part.batch_size)
    tensors = load(job, workload, params, part)
    if not part.training:
        return EvaluationBatches((tensors.test_inputs, tensors.test_targets), part, share)
    batches = Batches(part.batch_size, job.spec.seed, part.shuffles, part.steps_per_epoch)
    augment = _augmentation(workload, params) if part.augmented else None
    return TrainingBatches(Feed(tensors, torch.device("cpu"), batches, augment), part.passes, share)


def load(job: Job, workload: ModuleType, params: Params, part: Part) -> Tensors:
    """Return the half of a job's data that a part needs; the other half is empty."""
    if job.data is None:
        held: Tensors = workload.data(params)
        return held
    arrays = open_arrays(job.data, int(params.get("train_samples") or 0))
    if part.training:
        half = Arrays(arrays.train_images, arrays.train_labels, *_none(arrays))
    else:
        half = Arrays(*_none(arrays), arrays.test_images, arrays.test_labels)
    return resident(half, *workload.NORMALISE)


def _none(arrays: Arrays) -> Tuple[Any, Any]:
    return arrays.test_images[:0], arrays.test_labels[:0]


def sizes(job: Job, workload: ModuleType, params: Params) -> Tuple[int, int]:
    """Return how many training and how many test samples a job has, without reading them."""
    if job.data is None:
        held: Tensors = workload.data(params)
        return len(held.train_inputs), len(held.test_inputs)
    arrays = open_arrays(job.data, int(params.get("train_samples") or 0))
    return len(arrays.train_images), len(arrays.test_images)


def share_of(distributed: Any, batch_size: int) -> Share:  # noqa: ANN401  # the SDK's module, or None
    """Return which samples of which steps this process streams: all of them on the user's node.

    `distributed` is cerebras.pytorch.distributed: on a worker node of the cluster it says which
    CSX this worker feeds, how many samples of a step each CSX takes, and how many workers take
    turns in feeding one.
    """
    if distributed is None or not distributed.is_streamer():
        return Share(0, batch_size)
    resolver = distributed.service_resolver()
    spec = resolver.cluster_spec
    streamers = [spec.task(rank) for rank in sorted(resolver.streamer_ordinals())]
    here = spec.task()
    taken = {
        task.wse_id: distributed.get_streaming_batch_size(batch_size, task.rank)
        for task in streamers
    }
    beside = [task.rank for task in streamers if task.wse_id == here.wse_id]
    offset = sum(size for box, size in taken.items() if box < here.wse_id)
    return Share(offset, taken[here.wse_id], beside.index(here.rank), len(beside))


def _distributed() -> Any:  # noqa: ANN401  # the SDK's module, where it is loaded
    return getattr(sys.modules.get("cerebras.pytorch"), "distributed", None)


def _workload(job: Job) -> ModuleType:
    """Return the workload's module: the one that trains here, else the file that travelled."""
    from accelbench.workers.task import load_workload

    name = os.path.splitext(os.path.basename(job.workload_path))[0]  # noqa: PTH119,PTH122
    here = sys.modules.get("accelbench_workload_" + name)
    if here is not None:
        return here
    beside = os.path.join(os.path.dirname(os.path.dirname(str(accelbench.__file__))), WORKLOAD)  # noqa: PTH118,PTH120
    return load_workload(beside if os.path.exists(beside) else job.workload_path)  # noqa: PTH110


def _augmentation(workload: ModuleType, params: Params) -> Optional[Augmentation]:
    """Return what a workload changes at random; that it builds a model here leaves no trace."""
    with torch.random.fork_rng(devices=[]):
        found: Optional[Augmentation] = workload.build(params).augment
    return found
