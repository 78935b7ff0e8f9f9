"""The data of a PyTorch training: resident on its device, cut into batches by an index there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple, Union

import numpy as np
import torch
from torch import Tensor

from accelbench.workers.arrays import Array, Arrays
from accelbench.workers.workload import Augmentation, Tensors

PerChannel = Union[float, Sequence[float]]
"""One number for grey images, one a channel for colour."""


def resident(arrays: Arrays, mean: PerChannel, deviation: PerChannel) -> Tensors:
    """Return a data set as normalised float images and int64 labels.

    As many channels as there are means: grey images are repeated for a workload that takes colour.
    """
    return Tensors(
        _images(arrays.train_images, _numbers(mean), _numbers(deviation)),
        _labels(arrays.train_labels),
        _images(arrays.test_images, _numbers(mean), _numbers(deviation)),
        _labels(arrays.test_labels),
    )


def _numbers(value: PerChannel) -> Tuple[float, ...]:
    return (float(value),) if isinstance(value, (int, float)) else tuple(value)


def _images(images: Array, means: Sequence[float], deviations: Sequence[float]) -> Tensor:
    """Return uint8 (n, h, w) or (n, h, w, 3) as float32 (n, channels, h, w).

    Pixels are scaled to [0, 1], then each channel is normalised. ValueError where colour images
    meet a workload for grey ones.
    """
    colour = images.ndim == 4
    if colour and len(means) != images.shape[3]:
        raise ValueError(
            f"the images have {images.shape[3]} channels, the workload's NORMALISE {len(means)}: "
            "choose another data set, or state one mean and one deviation a channel"
        )
    pixels = np.empty((len(images), len(means), *images.shape[1:3]), np.float32)
    for channel in range(len(means)):
        pixels[:, channel] = images[..., channel] if colour else images
    normalised = torch.from_numpy(pixels).div_(255.0)
    for channel, (mean, deviation) in enumerate(zip(means, deviations)):
        normalised[:, channel].sub_(mean).div_(deviation)
    return normalised


def _labels(labels: Array) -> Tensor:
    return torch.from_numpy(np.asarray(labels, dtype=np.int64))


@dataclass(frozen=True)
class Batches:
    """How an epoch is cut: `steps_per_epoch` None is one pass over the training set.

    A step takes `world` x `batch_size` samples that follow each other in the epoch's order, which
    is the same on every rank; rank r trains on the r-th `batch_size` of them.
    """

    batch_size: int
    seed: int
    shuffles: bool = True
    steps_per_epoch: Optional[int] = None
    rank: int = 0
    world: int = 1

    @property
    def samples_per_step(self) -> int:
        """How many samples all ranks together train on in a step."""
        return self.batch_size * self.world


class Feed:
    """The data on the device, and the batches of an epoch by a permutation that lies there too.

    `batch_size` is this rank's share of a step, `samples_per_step` what all ranks take together.
    """

    def __init__(
        self,
        tensors: Tensors,
        device: torch.device,
        batches: Batches,
        augmentation: Optional[Augmentation] = None,
    ) -> None:
        self._inputs = tensors.train_inputs.to(device)
        self._targets = tensors.train_targets.to(device)
        self.test = (tensors.test_inputs.to(device), tensors.test_targets.to(device))
        self._device = device
        self._batches = batches
        self._augmentation = augmentation
        # Its own generator: the order of the data must not depend on how many numbers the
        # initialisation or dropout draws. On the CPU, so that every device sees the same order.
        self._generator = torch.Generator().manual_seed(batches.seed)
        # And one for the augmentation, so that the order does not depend on that either.
        self._chance = torch.Generator().manual_seed(batches.seed)
        self._order: Tuple[Tensor, ...] = ()
        self._draws: Tuple[Tensor, ...] = ()
        self.batch_size = batches.batch_size
        self.samples_per_step = batches.samples_per_step
        self.steps_per_epoch = steps_of_epoch(batches, len(self._inputs))

    def begin_epoch(self) -> None:
        """Draw the order of the epoch; the last incomplete batch is dropped."""
        count, wanted = len(self._inputs), self.steps_per_epoch * self.samples_per_step
        passes = range(-(-wanted // count))
        if self._batches.shuffles:
            order = torch.cat([torch.randperm(count, generator=self._generator) for _ in passes])
        else:
            order = torch.arange(count).repeat(len(passes))
        self._order = self._shares(order[:wanted])
        if self._augmentation is not None:
            # Drawn for all ranks on each: what becomes of a sample does not depend on who has it.
            draws = torch.rand(wanted, self._augmentation.draws, generator=self._chance)
            self._draws = self._shares(draws)

    def _shares(self, samples: Tensor) -> Tuple[Tensor, ...]:
        """Return this rank's part of each step of what is stated for all samples in their order."""
        cut = self._batches
        steps = samples.view(-1, cut.world, cut.batch_size, *samples.shape[1:])
        return steps[:, cut.rank].to(self._device).contiguous().unbind(0)

    def sample(self) -> Tuple[Tensor, Tensor]:
        """Return a batch of the right shapes that draws nothing, to compile for."""
        size = self.batch_size
        return self._inputs[:size].clone(), self._targets[:size].clone()

    def fetch(self, step: int) -> Tuple[Tensor, Tensor]:
        """Return inputs and targets of one step's batch."""
        index = self._order[step]
        inputs = self._inputs.index_select(0, index)
        if self._augmentation is not None:
            inputs = self._augmentation.apply(inputs, self._draws[step])
        return inputs, self._targets.index_select(0, index)


def steps_of_epoch(batches: Batches, count: int) -> int:
    """Return the steps of an epoch; ValueError where not even one batch fills."""
    if count < batches.samples_per_step:
        each = f" on each of {batches.world} replicas" if batches.world > 1 else ""
        raise ValueError(
            f"batch_size {batches.batch_size}{each} exceeds the {count} training samples"
        )
    return batches.steps_per_epoch or count // batches.samples_per_step
