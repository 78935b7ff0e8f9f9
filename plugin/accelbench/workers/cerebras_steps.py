"""The two steps that the SDK traces, training and evaluation, and the closures that report them."""

from __future__ import annotations

from typing import Callable, Tuple

import torch
from torch import Tensor

from accelbench.workers import cerebras_optimizer
from accelbench.workers.cerebras_sdk import Sdk
from accelbench.workers.workload import Training


class Steps:
    """A model on the SDK's backend: `train(batch)` and `evaluate(batch)`.

    They are traced once for a CSX, and run each time on the CPU. What they return is read by
    closures only: `tell_loss(loss)` and `tell_answers(loss, correct)` hand numbers to what was
    given.
    """

    def __init__(
        self,
        sdk: Sdk,
        training: Training,
        on_loss: Callable[[float], None],
        on_answers: Callable[[float, float], None],
    ) -> None:
        optimizer = training.optimizer(training.model.parameters())
        groups = cerebras_optimizer.translate(optimizer, training.model, sdk.torch.optim)
        self._forward = sdk.torch.compile(training.model, sdk.backend)
        self._training = training
        self._optimizer = cerebras_optimizer.make(
            type(optimizer).__name__, groups, training.model, sdk.torch.optim
        )
        self._scaler = sdk.torch.amp.GradScaler(loss_scale=sdk.scales) if sdk.scales else None
        self._amp = sdk.torch.amp
        self.train = sdk.torch.trace(self._train)
        self.evaluate = sdk.torch.trace(self._evaluate)
        self.tell_loss = sdk.torch.step_closure(_loss_to(on_loss))
        self.tell_answers = sdk.torch.step_closure(_answers_to(on_answers))

    def _train(self, batch: Tuple[Tensor, Tensor]) -> Tensor:
        inputs, targets = batch
        loss = self._training.loss(self._forward(inputs), _wide(targets))
        self._optimizer.zero_grad()
        if self._scaler is None:
            loss.backward()  # type: ignore[no-untyped-call]  # torch annotates it only in part
            self._optimizer.step()
        else:
            self._amp.optimizer_step(loss, self._optimizer, self._scaler)
        return loss

    @torch.no_grad()
    def _evaluate(self, batch: Tuple[Tensor, Tensor]) -> Tuple[Tensor, Tensor]:
        inputs, targets = batch
        outputs = self._forward(inputs)
        loss = self._training.loss(outputs, _wide(targets))
        if not self._training.classifies:
            return loss, loss
        return loss, (outputs.argmax(1).to(torch.int32) == targets).float().sum()


def _wide(targets: Tensor) -> Tensor:
    """Return labels as torch's losses take them; they travel as int32."""
    return targets.long() if targets.dtype == torch.int32 else targets


def _loss_to(on_loss: Callable[[float], None]) -> Callable[[Tensor], None]:
    def loss_of_step(loss: Tensor) -> None:
        on_loss(loss.item())

    return loss_of_step


def _answers_to(on_answers: Callable[[float, float], None]) -> Callable[[Tensor, Tensor], None]:
    def answers_of_step(loss: Tensor, correct: Tensor) -> None:
        on_answers(loss.item(), correct.item())

    return answers_of_step
