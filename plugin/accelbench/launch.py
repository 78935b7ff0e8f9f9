"""Runs one training: leases the unit, starts a worker, follows it, ends it, returns the Run."""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accelbench import codec, lease, runlog
from accelbench.devices import DeviceConfig, Found
from accelbench.gateway import AttachError, Worker
from accelbench.limits import Limits, TimedOutError, Watch
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
from accelbench.workers.watchdog import RUN_VARIABLE

POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Launch:
    """Where and how a job runs: the device, its interpreter, limits, and the log's folder."""

    device: Found
    config: DeviceConfig
    limits: Limits
    log: Path
    listener: Listener


def run(job: Job, provenance: Provenance, launch: Launch) -> Run:
    """Train one job in a fresh worker and return its Run, whatever became of it.

    KeyboardInterrupt passes through once the worker and all that it started are gone.
    """
    begun = time.perf_counter()
    unit = launch.device.units[0]
    purpose = f"{job.spec.workload} on {job.spec.device}"
    following = _Following(job, launch)
    try:
        with lease.hold(unit, lease.lock_folder(), purpose, launch.listener.waiting) as held:
            following.follow(provenance, held)
    finally:
        launch.listener.progress(Progress(purpose, "done"))
    return following.finished(provenance, held.queue_seconds, time.perf_counter() - begun)


class _Following:
    """One run while it goes on: what its worker has reported so far."""

    def __init__(self, job: Job, launch: Launch) -> None:
        self._job = job
        self._launch = launch
        self._epochs: list[Epoch] = []
        self._seconds: dict[str, float] = {}
        self._phase_seconds: dict[str, float] = {}
        self._result: WorkerResult | None = None
        self._steps = Steps()
        self._state = State("crashed")
        self._message = ""
        self._rate = Rate()
        self._watch = Watch(launch.limits)
        self._attaching = 0.0
        self._ending: float | None = None

    def follow(self, provenance: Provenance, held: lease.Lease) -> None:
        """Start the worker and see it to its end."""
        env = {**dict(self._launch.config.env), RUN_VARIABLE: provenance.run_id}
        self._watch = Watch(self._launch.limits)
        self._show("attach")
        self._attaching = time.perf_counter()
        try:
            argv = self._launch.config.argv()
            worker = Worker(argv, env, self._launch.log, [held.descriptor])
        except AttachError as error:
            self._fail(State("crashed", "attach"), str(error))
            return
        try:
            self._listen(self._attach(worker), worker)
        except TimedOutError as error:
            self._fail(State("timed_out", error.phase), str(error))
        except AttachError as error:
            self._fail(State("crashed", "attach"), str(error))
        finally:
            ending = self._ending or time.perf_counter()
            worker.end()
            runlog.trim(self._launch.log)
            self._seconds["end"] = time.perf_counter() - ending

    def _attach(self, worker: Worker) -> Any:  # noqa: ANN401  # execnet has no types
        """Attach under the phase's limit: only ending the worker ends a blocking read."""
        allowed = self._launch.limits.stall("attach")
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            worker.kill()

        timer = threading.Timer(allowed, expire)
        timer.start()
        try:
            return worker.attach(codec.dumps(self._job))
        except AttachError:
            if expired.is_set():
                raise self._watch.stalled(allowed) from None
            raise
        finally:
            timer.cancel()

    def _listen(self, channel: Any, worker: Worker) -> None:  # noqa: ANN401  # execnet has no types
        while True:
            runlog.trim(self._launch.log)
            try:
                kind, *content = channel.receive(timeout=POLL_SECONDS)
            except channel.TimeoutError:
                self._watch.check()
                continue
            except (EOFError, OSError):
                text = worker.exit_text()
                self._fail(
                    State("crashed", text), f"the worker ended in {self._watch.phase}: {text}"
                )
                return
            except channel.RemoteError as error:
                self._fail(State("crashed", self._watch.phase), str(error))
                return
            if self._heard(kind, content):
                self._ending = time.perf_counter()
                worker.finish(self._launch.limits.stall("teardown"))
                return

    def _heard(self, kind: str, content: list[Any]) -> bool:
        """Take one message in; True when it was the last."""
        handlers: dict[str, Callable[..., None]] = {
            "phase": self._on_phase,
            "step": self._on_step,
            "epoch": self._on_epoch,
            "result": self._on_result,
            "failure": self._on_failure,
        }
        handlers[kind](*content)
        if kind in {"phase", "step", "epoch"}:
            self._watch.check()
        return kind in {"result", "failure"}

    def _on_phase(self, name: str) -> None:
        if "attach" not in self._seconds:
            self._seconds["attach"] = time.perf_counter() - self._attaching
        self._watch.enter(name)
        self._rate = Rate()
        self._show(name)

    def _on_step(self, epoch: int, steps: int, batch_size: int) -> None:
        self._watch.step(steps)
        if self._watch.phase == "first_step" and steps > 1:  # the worker's loop tells no step
            self._watch.enter("steady")
        rate = self._rate.per_second(steps)
        samples = None if rate is None else rate * batch_size
        self._show(self._watch.phase, epoch=epoch, steps=steps, samples_per_second=samples)

    def _on_epoch(self, text: str) -> None:
        epoch = codec.loads(Epoch, text)
        self._epochs.append(epoch)
        rate = epoch.samples / epoch.seconds
        number = len(self._epochs)
        self._show(self._watch.phase, epoch=number, loss=epoch.loss, samples_per_second=rate)

    def _on_result(self, text: str, phases: dict[str, float], *columns: bytes) -> None:
        self._result = codec.loads(WorkerResult, text)
        self._phase_seconds = dict(phases)
        self._steps = Steps(*(tuple(array("d", column)) for column in columns))
        self._state = DIVERGED if self._result.diverged else COMPLETED
        if self._result.diverged:
            self._message = _what_diverged(self._steps, self._result)

    def _on_failure(self, text: str) -> None:
        self._fail(State("crashed", self._watch.phase), text)

    def _fail(self, state: State, message: str) -> None:
        self._state = state
        log = runlog.tail(self._launch.log)
        self._message = (
            f"{message}\n--- last lines of the worker's output\n{log}" if log else message
        )

    def _show(self, phase: str, **more: Any) -> None:  # noqa: ANN401  # Progress types them
        spec = self._job.spec
        name = f"{spec.workload} on {spec.device}"
        self._launch.listener.progress(Progress(name, phase, epochs=spec.epochs, **more))

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
        inside = self._phase_seconds
        known = {
            "queue": queued,
            "attach": self._seconds.get("attach", 0.0),
            "imports": inside.get("import", 0.0),
            "teardown": inside.get("teardown", 0.0) + self._seconds.get("end", 0.0),
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
