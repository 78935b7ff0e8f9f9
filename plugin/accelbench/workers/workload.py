"""The types a PyTorch workload file builds its training from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterable, Optional, Type

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Tensors:
    """A training and a test set held by the workload itself: float inputs, any targets."""

    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor


@dataclass(frozen=True)
class Augmentation:
    """What random change is made to every batch of training inputs, on the device.

    `apply` takes inputs (n, ...) and (n, `draws`) uniform random numbers in [0, 1), which both lie
    on the device, and returns the changed inputs. The numbers are drawn on the CPU, from the run's
    seed: every device and any number of replicas see the same changes.
    """

    draws: int
    apply: Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Training:
    """What a workload's `build(params)` returns.

    `loss` takes (outputs, targets) and returns a scalar. `optimizer` is called with the model's
    parameters once the model is on its device. `steps_per_epoch` makes an epoch of that many
    steps, cycling over the training set, instead of one pass over it. `augment` changes every
    batch of training inputs at random.
    """

    model: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    memory_format: torch.memory_format = torch.contiguous_format
    classifies: bool = True
    shuffles: bool = True
    steps_per_epoch: Optional[int] = None
    test_batch: int = 1000
    augment: Optional[Augmentation] = None


def fused(
    kind: Type[torch.optim.Optimizer],
    parameters: Iterable[nn.Parameter],
    **options: Any,  # noqa: ANN401  # the optimizer's own
) -> torch.optim.Optimizer:
    """Return the optimizer in its fused form, or the plain one where this torch has none.

    Fused CPU kernels came after torch 2.0; the updates are the same to rounding.
    """
    parameters = list(parameters)
    try:
        return kind(parameters, fused=True, **options)  # type: ignore[call-arg]  # not in the base class
    except (TypeError, RuntimeError):
        return kind(parameters, **options)
