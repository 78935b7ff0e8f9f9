"""One run while it goes on: what its worker has said so far, and the Run that comes of it."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelbench import codec, runlog
from accelbench.limits import PHASES, QUEUE, Watch
from accelbench.progress import Listener, Progress, Rate
from accelbench.records import (
    COMPLETED,
    DIVERGED,
    Counters,
    Epoch,
    Job,
    Phases,
    Provenance,
    Run,
    State,
    Steps,
    WorkerResult,
)


class Following:
    """Takes in a worker's messages; knows no process.

    The session's own clock gives the phases of a run whose worker could not report them itself.
    """

    def __init__(self, job: Job, watch: Watch, log: Path, listener: Listener) -> None:
        self.watch = watch
        self._job = job
        self._log = log
        self._listener = listener
        self._epochs: list[Epoch] = []
        self._outside_seconds: dict[str, float] = {}
        self._heard_seconds: dict[str, float] = {}
        self._heard_anything = False
        self._since = time.perf_counter()
        self._result: WorkerResult | None = None
        self._worker_seconds: dict[str, float] = {}
        self._steps = Steps()
        self._state = State("crashed")
        self._message = ""
        self._rate = Rate()

    def enter(self, phase: str) -> None:
        """Begin a phase: by the worker's word, or the session's own (attach, queue, end)."""
        now = time.perf_counter()
        left = self.watch.phase
        seconds = self._heard_seconds if self._heard_anything else self._outside_seconds
        seconds[left] = seconds.get(left, 0.0) + now - self._since
        self._since = now
        self.watch.enter(phase)
        self._rate = Rate()
        if phase in {*PHASES, QUEUE}:
            self._show(phase)

    def heard(self, kind: str, content: list[Any]) -> bool:
        """Take one message in; True when it was the last. TimedOutError when a limit is passed."""
        if kind == "result":
            self._on_result(*content)
            return True
        if kind == "phase":
            self.enter(*content)
            self._heard_anything = True  # what came before it was this side's to measure
        elif kind == "step":
            self._on_step(*content)
        else:
            self._on_epoch(*content)
        self.watch.check()
        return False

    def _on_step(self, epoch: int, steps: int, batch_size: int, _where: str) -> None:
        self.watch.step(steps)
        if self.watch.phase == "first_step" and steps > 1:  # the worker's loop tells no step
            self.enter("steady")
        rate = self._rate.per_second(steps)
        samples = None if rate is None else rate * batch_size
        self._show(self.watch.phase, epoch=epoch, steps=steps, samples_per_second=samples)

    def _on_epoch(self, text: str) -> None:
        epoch = codec.loads(Epoch, text)
        self._epochs.append(epoch)
        rate = epoch.samples / epoch.seconds
        number = len(self._epochs)
        self._show(self.watch.phase, epoch=number, loss=epoch.loss, samples_per_second=rate)

    def _on_result(self, text: str, phases: dict[str, float], *columns: bytes) -> None:
        self._result = codec.loads(WorkerResult, text)
        self._worker_seconds = dict(phases)
        self._steps = Steps(*(tuple(array("d", column)) for column in columns))
        self._state = DIVERGED if self._result.diverged else COMPLETED
        if self._result.diverged:
            self._message = _what_diverged(self._steps, self._result)

    def joined(self, results: Sequence[WorkerResult]) -> None:
        """Add up what the ranks counted: energy over all, and the largest memory of any device."""
        if self._result is None or len(results) < 2:
            return
        counters = [each.counters for each in results]
        joules = [each.energy_joules for each in counters if each.energy_joules is not None]
        whole = replace(
            self._result.counters,
            peak_memory_bytes=max(each.peak_memory_bytes for each in counters),
            energy_joules=math.fsum(joules) if len(joules) == len(counters) else None,
        )
        self._result = replace(self._result, counters=whole)

    def fail(self, state: State, message: str, log: Path | None = None) -> None:
        """Note that the run ended badly, with the last lines of what the worker printed."""
        self._state = state
        text = runlog.tail(log or self._log)
        self._message = (
            f"{message}\n--- last lines of the worker's output\n{text}" if text else message
        )

    def _show(self, phase: str, **more: Any) -> None:  # noqa: ANN401  # Progress types them
        spec = self._job.spec
        name = f"{spec.workload} on {spec.device}"
        self._listener.progress(Progress(name, phase, epochs=spec.epochs, **more))

    def finished(self, provenance: Provenance, queued: float, wall: float) -> Run:
        """Return what is known now as a Run."""
        result = self._result
        counters = result.counters if result else Counters()
        if result is not None:
            fingerprint = f"{provenance.workload_fingerprint}-{counters.parameters}"
            treatment = tuple(sorted((*provenance.treatment, *result.treatment)))
            provenance = replace(provenance, workload_fingerprint=fingerprint, treatment=treatment)
        return Run(
            spec=self._job.spec,
            state=self._state,
            phases=self._phases(queued, wall),
            epochs=result.epochs if result else tuple(self._epochs),
            steps=self._steps,
            evaluation=result.evaluation if result else None,
            counters=counters,
            provenance=provenance,
            message=self._message,
        )

    def _phases(self, queued: float, wall: float) -> Phases:
        outside, heard = self._outside_seconds, self._heard_seconds
        inside = self._worker_seconds or heard
        known = {
            "queue": queued + outside.get(QUEUE, 0.0) + inside.get(QUEUE, 0.0),
            "attach": outside.get("attach", 0.0) + inside.get("attach", 0.0),
            "imports": inside.get("import", 0.0),
            "teardown": inside.get("teardown", 0.0)
            + heard.get("end", 0.0)
            + outside.get("end", 0.0),
        }
        for name in ("data", "compile", "first_step", "steady", "evaluate"):
            known[name] = inside.get(name, 0.0)
        # Attaching ends where the first phase is heard of, a moment after that phase began.
        known["attach"] += min(0.0, wall - sum(known.values()))
        return Phases(**known, unexplained=wall - sum(known.values()))


def _what_diverged(steps: Steps, result: WorkerResult) -> str:
    """Say which number was not finite first, and when."""
    after = f"after {len(result.epochs)} epochs"
    wrong = next((loss for loss in steps.loss if not math.isfinite(loss)), None)
    if wrong is not None:
        return f"the loss is not finite {after} ({wrong})"
    evaluation = result.evaluation
    loss, accuracy = (evaluation.loss, evaluation.accuracy) if evaluation else (None, None)
    return f"the evaluation is not finite {after} (loss {loss}, accuracy {accuracy})"
