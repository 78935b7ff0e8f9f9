"""Trains a PyTorch workload on one device, its data resident there."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Callable, List, Optional, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from accelbench.records import Evaluation, Job, Pairs
from accelbench.workers import host
from accelbench.workers.arrays import Array, Arrays, open_arrays
from accelbench.workers.engine import Params
from accelbench.workers.workload import Tensors, Training

REPLICAS = "processes"
PLATFORMS = ()


def start(
    job: Job, workload: ModuleType, params: Params, enter: Callable[[str], None]
) -> TorchEngine:
    """Build the model, move the data to the device once, and return what the loop drives.

    `enter` is told when the data phase begins: building the model counts with the imports, which
    torch makes part of (the first optimizer imports its compiler).
    """
    torch.set_num_threads(host.usable_cores())
    torch.manual_seed(job.spec.seed)
    device = torch.device("cpu")
    training = workload.build(params)
    if not isinstance(training, Training):
        kind = type(training).__name__
        raise TypeError(f"build() must return accelbench.workers.workload.Training, not {kind}")
    model = training.model.to(device=device, memory_format=training.memory_format)  # type: ignore[call-overload]  # torch's overloads lack this pair
    optimizer = training.optimizer(model.parameters())
    enter("data")
    if job.data is None:
        tensors: Tensors = workload.data(params)
    else:
        arrays = open_arrays(job.data, int(params.get("train_samples") or 0))
        tensors = resident(arrays, *workload.NORMALISE)
    batches = Batches(
        params.count("batch_size"), job.spec.seed, training.shuffles, training.steps_per_epoch
    )
    feed = Feed(tensors, device, batches)
    return TorchEngine(training, model, optimizer, feed)


def resident(arrays: Arrays, mean: float, deviation: float) -> Tensors:
    """Return a data set as normalised float images and int64 labels."""
    return Tensors(
        _images(arrays.train_images, mean, deviation),
        _labels(arrays.train_labels),
        _images(arrays.test_images, mean, deviation),
        _labels(arrays.test_labels),
    )


def _images(images: Array, mean: float, deviation: float) -> Tensor:
    """Return uint8 (n, h, w) as normalised float32 (n, 1, h, w), pixels scaled to [0, 1] first."""
    pixels = torch.from_numpy(np.asarray(images, dtype=np.float32))
    return pixels.div_(255.0).sub_(mean).div_(deviation).unsqueeze_(1)


def _labels(labels: Array) -> Tensor:
    return torch.from_numpy(np.asarray(labels, dtype=np.int64))


@dataclass(frozen=True)
class Batches:
    """How an epoch is cut: `steps_per_epoch` None is one pass over the training set."""

    batch_size: int
    seed: int
    shuffles: bool = True
    steps_per_epoch: Optional[int] = None


class Feed:
    """The data on the device, and the batches of an epoch by a permutation that lies there too."""

    def __init__(self, tensors: Tensors, device: torch.device, batches: Batches) -> None:
        self._inputs = tensors.train_inputs.to(device)
        self._targets = tensors.train_targets.to(device)
        self.test = (tensors.test_inputs.to(device), tensors.test_targets.to(device))
        self._device = device
        self._shuffles = batches.shuffles
        # Its own generator: the order of the data must not depend on how many numbers the
        # initialisation or dropout draws. On the CPU, so that every device sees the same order.
        self._generator = torch.Generator().manual_seed(batches.seed)
        self._order: Tuple[Tensor, ...] = ()
        self.batch_size = batch_size = batches.batch_size
        count = len(self._inputs)
        if count < batch_size:
            raise ValueError(f"batch_size {batch_size} exceeds the {count} training samples")
        self.steps_per_epoch = batches.steps_per_epoch or count // batch_size

    def begin_epoch(self) -> None:
        """Draw the order of the epoch; the last incomplete batch is dropped."""
        count, wanted = len(self._inputs), self.steps_per_epoch * self.batch_size
        passes = range(-(-wanted // count))
        if self._shuffles:
            order = torch.cat([torch.randperm(count, generator=self._generator) for _ in passes])
        else:
            order = torch.arange(count).repeat(len(passes))
        self._order = torch.split(order[:wanted].to(self._device), self.batch_size)

    def fetch(self, step: int) -> Tuple[Tensor, Tensor]:
        """Return inputs and targets of one step's batch."""
        index = self._order[step]
        return self._inputs.index_select(0, index), self._targets.index_select(0, index)


class TorchEngine:
    """One training as the loop drives it."""

    def __init__(
        self,
        training: Training,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        feed: Feed,
    ) -> None:
        self._training = training
        self._model = model
        self._optimizer = optimizer
        self._test = feed.test
        self.begin_epoch = feed.begin_epoch
        self.fetch = feed.fetch
        self.batch_size = feed.batch_size
        self.steps_per_epoch = feed.steps_per_epoch
        self.parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
        self._model.train()

    def compile(self) -> None:
        """Do nothing: the eager series has nothing to compile."""

    def update(self, batch: Tuple[Tensor, Tensor]) -> Tensor:
        """Train on a batch; return its loss, still on the device."""
        inputs, targets = batch
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._training.loss(self._model(inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]  # torch annotates it only in part
        self._optimizer.step()
        return loss.detach()

    def synchronize(self) -> None:
        """Return when the device has done all that was queued; the CPU always has."""

    def read_losses(self, losses: List[Tensor]) -> List[float]:
        """Return the losses of an epoch as floats, with one transfer."""
        values: List[float] = torch.stack(losses).tolist()
        return values

    @torch.no_grad()
    def evaluate(self) -> Evaluation:
        """Return loss and accuracy on the test set, in evaluation mode (no dropout)."""
        self._model.eval()
        inputs, targets = self._test
        size = self._training.test_batch
        total = torch.zeros((), dtype=torch.float64)
        correct = 0
        for batch, expected in zip(torch.split(inputs, size), torch.split(targets, size)):
            outputs = self._model(batch)
            weight = len(batch) if self._training.classifies else 1
            total += self._training.loss(outputs, expected).double().cpu() * weight
            if self._training.classifies:
                correct += int((outputs.argmax(1) == expected).sum())
        self._model.train()
        samples = len(inputs)
        if not self._training.classifies:
            return Evaluation(loss=float(total), samples=samples)
        return Evaluation(loss=float(total) / samples, samples=samples, accuracy=correct / samples)

    def treatment(self) -> Pairs:
        """Return what of this framework may change a number."""
        return (
            ("framework_version", str(torch.__version__)),
            ("threads", torch.get_num_threads()),
        )
