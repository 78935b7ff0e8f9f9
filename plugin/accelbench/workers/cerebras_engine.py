"""A training through the Cerebras SDK, as the loop drives it."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import Any, Callable, Dict, Iterator, List, Tuple

from accelbench.records import Evaluation, Job, Pairs
from accelbench.workers import cerebras_input, cerebras_phases, torch_job
from accelbench.workers.cerebras_clock import StepClock
from accelbench.workers.cerebras_data import Part
from accelbench.workers.cerebras_parts import Parts
from accelbench.workers.cerebras_phases import PhaseReader
from accelbench.workers.cerebras_rejection import judged, rejected
from accelbench.workers.cerebras_sdk import Sdk, treatment
from accelbench.workers.cerebras_steps import Steps
from accelbench.workers.workload import Training


class CerebrasEngine:
    """One training on the SDK's CPU backend or on a CSX.

    On a CSX one executor trains all epochs, for each one programs the wafer anew; so the test set
    is evaluated once, at the end (`evaluates_at_end`), by an executor of its own. On the CPU each
    epoch has an executor, and is followed by an evaluation.
    """

    def __init__(
        self,
        job: Job,
        training: Training,
        sdk: Sdk,
        parts: Parts,
        enter: Callable[[str], None],
    ) -> None:
        self._job = job
        self._training = training
        self._sdk = sdk
        self._parts = parts
        self._times = StepClock()
        self.reader = PhaseReader(enter, self._times)
        self.parameters = sum(p.numel() for p in training.model.parameters() if p.requires_grad)
        self._steps = Steps(sdk, training, self._lost, self._answered)
        self.evaluates_at_end = sdk.lazy
        self.batch_size = parts.train.batch_size
        self.steps_per_epoch = parts.steps_per_epoch
        self.clock = self._times.clock
        wanted = int(dict(job.options)["activation_steps"])  # type: ignore[arg-type]  # the way's defaults are typed
        # An epoch must end with a step whose loss comes back.
        self._every = math.gcd(wanted, self.steps_per_epoch)
        self._loaders: Dict[Part, Any] = {}
        self._executor: Any = None
        self._batches: Iterator[Any] = iter(())
        self._ahead: Any = None
        self._pending = False
        self._unfinished = False
        self._epochs_left = job.spec.epochs
        self._before, self._step = 0, -1
        self._answers: List[Tuple[float, float]] = []
        self._first_artifacts = ""

    def compile(self) -> None:
        """Do nothing: the SDK compiles inside the first step, where its log is read."""
        self.reader.home = "first_step"

    def begin_epoch(self) -> None:
        """Begin an epoch, with an executor for it or for all that are left."""
        if self._ahead is not None:
            return
        epochs = self._epochs_left if self.evaluates_at_end else 1
        self._before = self._step + 1
        steps = epochs * self.steps_per_epoch
        part = replace(self._parts.train, passes=epochs)
        with self._sdk.working():
            self._batches = self._executed(part, steps, self._every)
            self._ahead = next(self._batches)
        self._first_artifacts = self._first_artifacts or str(self._executor.artifact_dir)

    def _executed(self, part: Part, steps: int, every: int = 1) -> Iterator[Any]:
        """Yield the batches of a new executor; an error of the cluster says how the run ended.

        What every so many steps returns comes back, all of it unless another number is given.
        """
        if part not in self._loaders:
            function, *arguments = cerebras_input.request(self._job, part)
            self._loaders[part] = self._sdk.torch.utils.data.DataLoader(function, *arguments)
        self._executor = self._sdk.torch.utils.data.DataExecutor(
            self._loaders[part], num_steps=steps, activation_steps=every
        )
        self._unfinished = True
        try:
            yield from self._executor
            self._unfinished = False
        except Exception as error:
            judged(error)
            raise
        finally:
            self.reader.back()

    def fetch(self, _step: int) -> Any:  # noqa: ANN401  # a batch of the SDK's
        """Return the next batch; the SDK ends the step before it meanwhile."""
        batch, self._ahead = self._ahead, None
        if batch is not None:
            return batch
        with self._sdk.working():
            return next(self._batches)

    def update(self, batch: Any) -> int:  # noqa: ANN401  # a batch of the SDK's
        """Train on a batch; return the number of the step, whose loss arrives later."""
        try:
            with self._sdk.working():
                self._steps.tell_loss(self._steps.train(batch))
        except Exception as error:
            if not self._sdk.lazy:
                raise
            raise rejected(error, self._job.workload_path, "training step") from error
        self._step += 1
        self._pending = True
        self._times.updated(self._step)
        return self._step

    def synchronize(self) -> None:
        """Have the SDK end the last step, which it does when it is asked for another batch."""
        if self._pending:
            self._pending = False
            with self._sdk.working():
                self._ahead = next(self._batches, None)

    def _lost(self, loss: float) -> None:
        self._times.arrived(self._before + int(self._executor.iteration), loss)

    def _answered(self, loss: float, correct: float) -> None:
        self._answers.append((loss, correct))

    def read_losses(self, losses: List[int]) -> List[float]:
        """Return the losses of steps as floats."""
        self._epochs_left -= 1
        self.reader.home = "steady"
        return self._times.losses(losses)

    def evaluate(self) -> Evaluation:
        """Return loss and accuracy on the whole test set, in evaluation mode (no dropout).

        After a training that diverged before its last step on a CSX there is nothing to evaluate:
        the weights are only where that training was, and no other executor can have them.
        """
        left_early = self._unfinished
        self._end_training()
        if left_early and self._sdk.lazy:
            return Evaluation(loss=math.nan, samples=self._parts.test_samples)
        self.reader.home = "evaluate"
        self._training.model.eval()
        total, correct = 0.0, 0.0
        for part in self._parts.test:
            answers = self._answers_to(part)
            weight = part.batch_size if self._training.classifies else 1
            total += sum(loss for loss, _ in answers) * weight
            correct += sum(right for _, right in answers)
        self._training.model.train()
        self.reader.home = "steady"
        return torch_job.evaluation(self._training, total, correct, self._parts.test_samples)

    def _answers_to(self, part: Part) -> List[Tuple[float, float]]:
        """Return the loss and the right answers of each batch of a part of the test set."""
        self._answers = []
        steps = (part.end - part.begin) // part.batch_size
        with self._sdk.working():
            for batch in self._executed(part, steps):
                self._steps.tell_answers(*self._steps.evaluate(batch))
            if len(self._answers) != steps:
                raise RuntimeError(
                    f"the SDK brought the answers of {len(self._answers)} steps of an evaluation "
                    f"that has {steps}: its accuracy is not known; this is a fault of accelbench"
                )
        return self._answers

    def _end_training(self) -> None:
        """Leave an executor that has steps left, after a training that diverged."""
        self._ahead = None
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()

    def phases(self) -> Dict[str, float]:
        """Return what the SDK's tracker says of the first step, where its log said nothing."""
        if self._times.has_paused:
            return {}
        return cerebras_phases.tracked(os.path.join(self._first_artifacts, "track.json"))  # noqa: PTH118

    def close(self) -> None:
        """Leave the executor."""
        self._end_training()
        if not self._sdk.lazy:
            self._sdk.artifacts.remove()

    def treatment(self) -> Pairs:
        """Return what of the SDK may change a number."""
        return tuple(
            (name, self._every if name == "activation_steps" else value)
            for name, value in treatment(self._job)
        )
