"""The check: a training and an evaluation step lowered as for a CSX, on this host, without one."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from accelbench.records import Job, Pairs
from accelbench.workers import cerebras_input
from accelbench.workers.cerebras_data import Part
from accelbench.workers.cerebras_parts import Parts
from accelbench.workers.cerebras_rejection import rejected
from accelbench.workers.cerebras_sdk import Sdk, treatment
from accelbench.workers.cerebras_steps import Steps
from accelbench.workers.failure import UnsupportedError
from accelbench.workers.workload import Training

T = TypeVar("T")


class CheckEngine:
    """Lowers both steps of a workload for a CSX; trains nothing."""

    only_compiles = True

    def __init__(self, job: Job, training: Training, sdk: Sdk, parts: Parts) -> None:
        self._job = job
        self._training = training
        self._sdk = sdk
        self._parts = parts
        self.batch_size = parts.train.batch_size
        self.steps_per_epoch = parts.steps_per_epoch
        self.parameters = sum(p.numel() for p in training.model.parameters() if p.requires_grad)

    def compile(self) -> None:
        """Lower both steps; RejectedError says what a CSX would not take, and where it stands."""
        try:
            self._lower_both()
        finally:
            self._sdk.artifacts.remove()

    def _lower_both(self) -> None:
        steps = self._tried("model", lambda: Steps(self._sdk, self._training, _none, _none))
        model = self._training.model
        model.train()
        self._tried("training step", lambda: self._lower(self._parts.train, _training(steps)))
        model.eval()
        self._tried("evaluation", lambda: self._lower(self._parts.test[0], _evaluation(steps)))

    def _tried(self, step: str, work: Callable[[], T]) -> T:
        """Do some work with the SDK; what it raises is told with our line of the workload file."""
        try:
            with self._sdk.working():
                return work()
        except UnsupportedError:
            raise
        except Exception as error:
            raise rejected(error, self._job.workload_path, step) from error

    def _lower(self, part: Part, step: Callable[[Any], None]) -> None:
        """Trace and lower one step; on a backend that only validates an executor makes just one."""
        function, *arguments = cerebras_input.request(self._job, part)
        loader = self._sdk.torch.utils.data.DataLoader(function, *arguments)
        for batch in self._sdk.torch.utils.data.DataExecutor(loader, num_steps=1):
            step(batch)

    def treatment(self) -> Pairs:
        """Return what of the SDK may change what is lowered."""
        return treatment(self._job)


def _training(steps: Steps) -> Callable[[Any], None]:
    return lambda batch: steps.tell_loss(steps.train(batch))


def _evaluation(steps: Steps) -> Callable[[Any], None]:
    return lambda batch: steps.tell_answers(*steps.evaluate(batch))


def _none(*_numbers: float) -> None:
    """Take what no closure brings: nothing is executed."""
