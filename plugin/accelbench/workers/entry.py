"""A worker's one task: take a job from the channel, train it, report, end."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import platform
import sys
import threading
import traceback
from array import array
from types import ModuleType
from typing import Any, List, Tuple

from accelbench import codec
from accelbench.records import Counters, Epoch, Job, Scalar, WorkerResult
from accelbench.workers import host, warmup
from accelbench.workers.clock import PhaseClock
from accelbench.workers.engine import Engine, Params, resolve
from accelbench.workers.loop import Instruments, Progress, Recording, train


def serve(channel: Any) -> None:  # noqa: ANN401  # execnet has no types
    """Do the one job that `channel` brings; every way to end is reported on it.

    Messages, builtin types only: ("phase", name), ("step", epoch, steps, batch size),
    ("epoch", json), ("result", json, phase seconds, data, compute, losses as bytes of doubles),
    ("failure", text).
    """
    text = channel.receive()
    sender = Sender(channel)
    clock = PhaseClock(lambda phase: sender.send("phase", phase))
    progress = Progress()
    try:
        job = codec.loads(Job, text)
        sender.beat(job.heartbeat_seconds, progress)
        result, recording = _run(job, clock, progress, sender)
    except BaseException as error:  # whatever it was, the session must hear of it
        sender.send("failure", _describe(error))
        return
    sender.send(
        "result",
        codec.dumps(result),
        dict(clock.seconds),
        *(
            array("d", numbers).tobytes()
            for numbers in (recording.data_seconds, recording.compute_seconds, recording.losses)
        ),
    )


class Sender:
    """Sends messages from the worker's threads, one at a time."""

    def __init__(self, channel: Any) -> None:  # noqa: ANN401  # execnet sends its own source
        self._channel = channel
        self._lock = threading.Lock()

    def send(self, kind: str, *content: object) -> None:
        """Send one message; a session that is gone is no error here: the watchdog acts."""
        with self._lock:
            try:
                self._channel.send((kind, *content))
            except OSError:
                return

    def beat(self, seconds: float, progress: Progress) -> None:
        """Tell of the steps done, every `seconds`, from a thread that ends with the process."""
        wait = threading.Event().wait

        def tell() -> None:
            while not wait(seconds):
                self.send("step", progress.epoch, progress.steps, progress.batch_size)

        threading.Thread(target=tell, daemon=True).start()


def _run(
    job: Job, clock: PhaseClock, progress: Progress, sender: Sender
) -> Tuple[WorkerResult, Recording]:
    clock.enter("import")
    way = importlib.import_module("accelbench.workers.ways." + job.trained_by)
    workload = load_workload(job.workload_path)
    params = resolve(workload.PARAMETERS, job.spec.params)
    engine: Engine = way.start(job, workload, params, clock.enter)
    # What exists now lives as long as the process: frozen, it costs later collections no time.
    gc.collect()
    gc.freeze()
    clock.enter("compile")
    engine.compile()
    meter = host.LoadMeter()

    def finished(epoch: Epoch) -> None:
        sender.send("epoch", codec.dumps(epoch))

    recording = train(engine, job.spec.epochs, Instruments(clock, progress, meter, finished))
    clock.enter("teardown")
    result = WorkerResult(
        diverged=recording.diverged,
        epochs=tuple(recording.epochs),
        evaluation=recording.evaluation,
        counters=_counters(engine, recording, params, meter),
        treatment=tuple(sorted((*_treatment(), *engine.treatment()))),
    )
    clock.stop()
    return result, recording


def _counters(
    engine: Engine, recording: Recording, params: Params, meter: host.LoadMeter
) -> Counters:
    import numpy as np

    steps = [a + b for a, b in zip(recording.data_seconds, recording.compute_seconds)]
    cut = warmup.mser5(steps)
    steady = steps[cut.steps :]
    p05, p50, p95 = (float(q) for q in np.percentile(steady, [5, 50, 95]))
    target = params.get("target_accuracy")
    return Counters(
        parameters=engine.parameters,
        peak_memory_bytes=host.peak_memory_bytes(),
        batch_size=engine.batch_size,
        warm_up_steps=cut.steps,
        steady_steps=len(steady),
        steady_state=cut.steady,
        step_seconds_p05=p05,
        step_seconds_p50=p50,
        step_seconds_p95=p95,
        foreign_cpu_cores=meter.foreign_cores,
        throttled_seconds=meter.throttled_seconds,
        target_accuracy=float(target) if isinstance(target, (int, float)) and target else None,
    )


def load_workload(path: str) -> ModuleType:
    """Import one workload file by its path."""
    name = os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119,PTH122  # a remote path
    spec = importlib.util.spec_from_file_location("accelbench_workload_" + name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no workload file at {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _treatment() -> List[Tuple[str, Scalar]]:
    return [
        ("python", platform.python_version()),
        ("kernel", platform.release()),
        ("machine", platform.machine()),
        ("cores", host.usable_cores()),
    ]


def _describe(error: BaseException) -> str:
    """Return what was raised, in one line, and below it the traceback."""
    kind = type(error)
    first = traceback.format_exception_only(kind, error)[-1].strip()
    return (
        first
        + "\n"
        + "".join(traceback.format_exception(kind, error, error.__traceback__)).rstrip()
    )
