"""One job from import to result: builds the engine, drives it with the loop, counts."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import platform
import sys
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Callable, List, Tuple

from accelbench.records import Counters, Epoch, Job, Scalar, WorkerResult
from accelbench.workers import host, warmup
from accelbench.workers.clock import PhaseClock
from accelbench.workers.energy import open_meter
from accelbench.workers.engine import Engine, Params, resolve
from accelbench.workers.loop import Instruments, Progress, Recording, train
from accelbench.workers.meeting import Meeting
from accelbench.workers.meters import Meters, work_of


@dataclass(frozen=True)
class Reporting:
    """Where a task tells what it does: phases, progress, epochs, and the meeting of its ranks."""

    clock: PhaseClock
    progress: Progress
    finished: Callable[[Epoch], None]
    meeting: Meeting


def perform(job: Job, reporting: Reporting) -> Tuple[WorkerResult, Recording]:
    """Train a job; return its result, and the steps that the result does not hold."""
    clock = reporting.clock
    clock.enter("import")
    way = importlib.import_module("accelbench.workers.ways." + job.trained_by)
    workload = load_workload(job.workload_path)
    params = resolve(workload.PARAMETERS, job.spec.params)
    met = (reporting.meeting,) if job.world > 1 else ()
    engine: Engine = way.start(job, workload, params, clock.enter, *met)
    # What exists now lives as long as the process: frozen, it costs later collections no time.
    gc.collect()
    gc.freeze()
    energy = open_meter(job.platform, os.environ)
    clock.enter("compile")
    engine.compile()
    meters = Meters(host.LoadMeter(getattr(engine, "sessions", ())), energy)
    if getattr(engine, "only_compiles", False):
        recording = Recording([], [], [], [])
    else:
        instruments = Instruments(clock, reporting.progress, meters, reporting.finished)
        recording = train(engine, job.spec.epochs, instruments)
    clock.enter("teardown")
    _recount(clock, engine)
    meters.energy.finish()
    work = work_of(engine, workload, params)
    result = WorkerResult(
        diverged=recording.diverged,
        epochs=tuple(recording.epochs),
        evaluation=recording.evaluation,
        counters=replace(
            _counters(engine, recording, params, meters.load),
            energy_joules=meters.energy.joules,
            flops_per_sample=work.flops_per_sample,
            peak_flops_per_second=work.peak_flops_per_second,
        ),
        treatment=tuple(
            sorted((*_treatment(), *engine.treatment(), *meters.treatment(), *work.treatment()))
        ),
    )
    getattr(engine, "close", _nothing)()
    clock.stop()
    return result, recording


def _nothing() -> None:
    """Let nothing go: most engines' devices are free when the process ends."""


def _recount(clock: PhaseClock, engine: Engine) -> None:
    """Count what an SDK did inside the first step for the phases that it belongs to.

    No more than the first step has: what is said of another clock may be more.
    """
    for phase, seconds in getattr(engine, "phases", dict)().items():
        clock.move("first_step", phase, min(seconds, clock.seconds.get("first_step", 0.0)))


def _counters(
    engine: Engine, recording: Recording, params: Params, meter: host.LoadMeter
) -> Counters:
    import numpy as np

    memory = getattr(engine, "peak_memory_bytes", host.peak_memory_bytes)()
    counted = Counters(engine.parameters, memory, engine.batch_size)
    steps = [a + b for a, b in zip(recording.data_seconds, recording.compute_seconds)]
    if not steps:
        return counted
    cut = warmup.mser5(steps)
    steady = steps[cut.steps :]
    p05, p50, p95 = (float(q) for q in np.percentile(steady, [5, 50, 95]))
    target = params.get("target_accuracy")
    return replace(
        counted,
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
