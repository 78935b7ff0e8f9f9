"""One model twice on one IPU: compiled to train and to infer, attached in turns."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Optional, Tuple

import torch
from torch import Tensor, nn

from accelbench.workers.failure import UnsupportedError
from accelbench.workers.poptorch_errors import Acquisition, told_apart

ACCEPTED = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop)
"""torch's optimizers that poptorch runs (poptorch 3.4: optim); it has a LAMB of its own."""


class WithLoss(nn.Module):
    """A model that computes its loss too: on an IPU that happens inside the call."""

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        mark: Callable[..., Tensor],
    ) -> None:
        super().__init__()
        self.model = model
        self._loss, self._mark = loss, mark

    def forward(self, inputs: Tensor, targets: Optional[Tensor] = None) -> Tensor:
        """Return the loss where there are targets, else the outputs."""
        outputs: Tensor = self.model(inputs)
        if targets is None:
            return outputs
        return self._mark(self._loss(outputs, targets), reduction="none")


def accepted(poptorch: Any, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:  # noqa: ANN401  # a package without types
    """Return an optimizer that poptorch runs; UnsupportedError names those that there are."""
    if not isinstance(optimizer, (*ACCEPTED, poptorch.optim.LAMB)):
        names = ", ".join(kind.__name__ for kind in ACCEPTED)
        raise UnsupportedError(
            f"poptorch trains with {names} and poptorch.optim.LAMB, not with "
            f"{type(optimizer).__name__}"
        )
    for extra in ("nesterov", "amsgrad"):
        if any(group.get(extra) for group in optimizer.param_groups):
            raise UnsupportedError(f"poptorch's {type(optimizer).__name__} has no {extra}")
    return optimizer


class Models:
    """The training and the inference model, of which one is attached at a time.

    The weights go from one to the other through the host whenever they change places.
    """

    def __init__(
        self,
        poptorch: Any,  # noqa: ANN401  # a package without types
        module: WithLoss,
        optimizer: torch.optim.Optimizer,
        options: Tuple[Any, Any],
        acquisition: Acquisition,
    ) -> None:
        self._poptorch, self._module = poptorch, module
        self._acquisition = acquisition
        training, self._inference_options = options
        module.train()
        with told_apart(poptorch):
            self._training = poptorch.trainingModel(module, training, optimizer)
        self._inference: Any = None
        self._lost = False

    def compile(self, batch: Tuple[Tensor, Tensor], test_inputs: Tensor) -> Optional[float]:
        """Compile both, for batches of these shapes; return the seconds that the compiler took.

        None where the SDK cannot tell. The modes of the layers are compiled in: they are set
        before.
        """
        self._acquisition.compile(self._training.compile, *batch)
        with told_apart(self._poptorch):
            self._training.detachFromDevice()
            self._module.eval()
            self._inference = self._poptorch.inferenceModel(self._module, self._inference_options)
        self._acquisition.compile(self._inference.compile, test_inputs)
        with told_apart(self._poptorch):
            self._inference.detachFromDevice()
        self.resume()
        try:
            found = [self._training.compilationTime(), self._inference.compilationTime()]
        except (self._poptorch.Error, TypeError):  # of no progress bar, or one that never moved
            return None
        if any(each is None for each in found):
            return None
        return float(sum(each.total_seconds() for each in found))

    def train(self, batch: Tuple[Tensor, Tensor]) -> Tensor:
        """Train on a combined batch; return the losses that come back."""
        with told_apart(self._poptorch):
            losses: Tensor = self._training(*batch)
        return losses

    def resume(self) -> None:
        """Put the training model on the device."""
        self._attach(self._training)

    def _attach(self, model: Any) -> None:  # noqa: ANN401  # a package without types
        """Attach a model that is compiled: once, for after a failure no call of it is safe."""
        self._lost = True
        with told_apart(self._poptorch):
            model.attachToDevice()
        self._lost = False

    @contextmanager
    def inferring(self) -> Iterator[Callable[[Tensor], Tensor]]:
        """Take the trained weights over, and lend the model that infers; nothing stays attached."""
        with told_apart(self._poptorch):
            self._training.detachFromDevice()
        self._attach(self._inference)
        with told_apart(self._poptorch):
            yield self._inference
            self._inference.detachFromDevice()

    def close(self) -> None:
        """Give the device back, unless an attempt to attach has lost it."""
        if self._lost:
            return
        with told_apart(self._poptorch):
            for each in (self._training, self._inference):
                if each is not None and each.isAttachedToDevice():
                    each.detachFromDevice()


def outputs(infer: Callable[[Tensor], Tensor], inputs: Tensor, size: int) -> Iterator[Tensor]:
    """Yield the outputs for every `size` inputs; the last batch is filled up, and cut again.

    A compiled model takes one shape only. What fills up is the last sample: no layer that infers
    looks at its neighbours.
    """
    for number in range(math.ceil(len(inputs) / size)):
        batch = inputs[number * size : (number + 1) * size]
        missing = size - len(batch)
        if missing:
            batch = torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])])
        yield infer(batch)[: size - missing]
