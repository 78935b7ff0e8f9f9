"""The types a Keras workload file builds its training from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional


@dataclass(frozen=True)
class KerasTraining:
    """What a Keras workload's `build(params)` returns, which is called in the strategy's scope.

    `model` takes images of shape (n, height, width, channels) and returns for each a row of one
    number a class. `loss` is a keras Loss of (labels, outputs), a mean over the batch; `optimizer`
    is a keras Optimizer. `steps_per_epoch` makes an epoch of that many steps, cycling over the
    training set, instead of one pass over it.
    """

    model: Any
    loss: Any
    optimizer: Any
    shuffles: bool = True
    steps_per_epoch: Optional[int] = None
    test_batch: int = 1000
