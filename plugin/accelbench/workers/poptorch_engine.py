"""A training on IPUs, as the loop drives it: one update is one call, of many steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import torch
from torch import Tensor

from accelbench.records import AT_START, Evaluation, Pairs
from accelbench.workers import torch_job
from accelbench.workers.poptorch_data import Source
from accelbench.workers.poptorch_models import Models, outputs
from accelbench.workers.poptorch_options import executables
from accelbench.workers.poptorch_plan import Plan
from accelbench.workers.workload import Tensors, Training


@dataclass(frozen=True)
class Settings:
    """What a run was asked for: so many epochs, and executables kept in `cache` ("": nowhere).

    What is emulated has no cache: there `cache` is empty whatever the options say.

    `treatment`: the values of the options, and the versions, as the Run states them.
    """

    epochs: int
    cache: str
    treatment: Pairs


class IpuEngine:
    """One training on a device that computes inside a call and has returned when the call has."""

    def __init__(
        self,
        training: Training,
        models: Models,
        plan: Plan,
        data: Tuple[Source, Tensors],
        settings: Settings,
    ) -> None:
        self._training, self._models, self._plan, self._settings = training, models, plan, settings
        self._source, tensors = data
        self._test = tensors.test_inputs, tensors.test_targets
        self._test_batch = min(training.test_batch, len(tensors.test_inputs))
        self._shapes = (
            _repeated(tensors.train_inputs, plan.samples_per_call),
            _repeated(tensors.train_targets, plan.samples_per_call),
        )
        self._epochs = settings.epochs
        self._compiled: Pairs = ()
        self.begin_epoch = self._source.begin_epoch
        self.fetch = self._source.fetch
        self.batch_size = plan.samples_per_step
        self.steps_per_update = plan.iterations
        self.steps_per_epoch = plan.steps
        parameters = training.model.parameters()
        self.parameters = sum(each.numel() for each in parameters if each.requires_grad)

    def compile(self) -> None:
        """Compile the models to train and to infer, each for the full batch of a call."""
        cache = self._settings.cache
        before = executables(cache)
        seconds = self._models.compile(self._shapes, _repeated(self._test[0], self._test_batch))
        if seconds is not None:
            self._compiled = ((AT_START + "compilation_seconds", round(seconds, 3)),)
        new = executables(cache) - before
        if new or before:  # with neither, nothing was kept: an emulated IPU's is not
            self._compiled += (("executable", "compiled" if new else "from the cache"),)

    def update(self, batch: Tuple[Tensor, Tensor]) -> Tensor:
        """Run one call: train on its steps; return their losses as they come back."""
        return self._models.train(batch)

    def synchronize(self) -> None:
        """Return at once: a call returns when all is done."""

    def read_losses(self, losses: List[Tensor]) -> List[float]:
        """Return the loss of every step of an epoch."""
        return [value for each in losses for value in self._plan.losses(each)]

    def evaluate(self) -> Evaluation:
        """Return loss and accuracy on the whole test set; the host compares with its answers."""
        inputs, targets = self._test
        size = self._test_batch
        total = torch.zeros(2, dtype=torch.float64)  # of losses, and of correct answers
        with self._models.inferring() as infer:
            for found, expected in zip(outputs(infer, inputs, size), torch.split(targets, size)):
                weight = len(found) if self._training.classifies else 1
                total[0] += self._training.loss(found, expected).double() * weight
                if self._training.classifies:
                    total[1] += int((found.argmax(1) == expected).sum())
        self._epochs -= 1
        if self._epochs:
            self._models.resume()
        loss, correct = total.tolist()
        return torch_job.evaluation(self._training, loss, correct, len(inputs))

    def close(self) -> None:
        """End what loads, and give the IPU back."""
        self._source.close()
        self._models.close()

    def treatment(self) -> Pairs:
        """Return what of the SDK may change a number."""
        return (*self._settings.treatment, *self._compiled)


def _repeated(tensor: Tensor, count: int) -> Tensor:
    """Return the first sample so many times: a batch of the right shape that draws nothing."""
    return tensor[:1].expand(count, *tensor.shape[1:]).contiguous()
