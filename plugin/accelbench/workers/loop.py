"""The training loop: one loop and one clock for every way to train.

Two time stamps a step: when the batch is there (data) and when the step is done (compute). Losses
stay on the device until the epoch ends; the device is synchronised at the edges of the window
only, and the garbage collector rests inside it. On a device that works asynchronously the stamps
say when the host had queued the work, and only the epoch's total is the device's own.
"""

from __future__ import annotations

import gc
import math
import time
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Tuple

from accelbench.records import Epoch, Evaluation
from accelbench.workers.clock import PhaseClock
from accelbench.workers.engine import Engine
from accelbench.workers.host import LoadMeter

NANOSECOND = 1e-9


class Progress:
    """What another thread may read while the loop runs: lists that only grow."""

    def __init__(self) -> None:
        self.epoch = 0
        self.batch_size = 0
        self.finished_steps = 0
        self.losses: List[Any] = []

    @property
    def steps(self) -> int:
        """Steps done since the run began."""
        return self.finished_steps + len(self.losses)


@dataclass(frozen=True)
class Instruments:
    """What measures a training: the phase clock, the shared progress, the meter of foreign load.

    `finished` hears of each epoch when it is done.
    """

    clock: PhaseClock
    progress: Progress
    meter: LoadMeter
    finished: Callable[[Epoch], None]


@dataclass
class Recording:
    """All that the loop has measured so far; times in seconds."""

    epochs: List[Epoch]
    data_seconds: List[float]
    compute_seconds: List[float]
    losses: List[float]
    evaluation: Optional[Evaluation] = None
    diverged: bool = False


def timed_window(engine: Engine, losses: List[Any]) -> List[int]:
    """Train one epoch and return its stamps in ns: the opening, two a step, the close."""
    fetch, update, now = engine.fetch, engine.update, time.perf_counter_ns
    stamps: List[int] = []
    mark, keep = stamps.append, losses.append
    gc.collect()
    gc.disable()
    try:
        engine.synchronize()
        mark(now())
        engine.begin_epoch()
        for step in range(engine.steps_per_epoch):
            batch = fetch(step)
            mark(now())
            keep(update(batch))
            mark(now())
        engine.synchronize()
        mark(now())
    finally:
        gc.enable()
    return stamps


def split(stamps: List[int]) -> Tuple[List[float], List[float]]:
    """Return the data and the compute seconds of each step of a window.

    The synchronisation at the end belongs to the last step's computation.
    """
    opened = stamps[0:-2:2]
    fetched = stamps[1:-1:2]
    done = [*stamps[2:-2:2], stamps[-1]]
    data = [(b - a) * NANOSECOND for a, b in zip(opened, fetched)]
    compute = [(b - a) * NANOSECOND for a, b in zip(fetched, done)]
    return data, compute


def train(engine: Engine, epochs: int, instruments: Instruments) -> Recording:
    """Train for `epochs`, evaluating after each outside the clock.

    A loss that is not finite, in training or in evaluation, ends the training as diverged.
    """
    clock, progress = instruments.clock, instruments.progress
    recording = Recording([], [], [], [])
    progress.batch_size = engine.batch_size
    for number in range(epochs):
        clock.enter("steady" if number else "first_step")
        progress.epoch = number + 1
        instruments.meter.open()
        stamps = timed_window(engine, progress.losses)
        instruments.meter.close()
        data, compute = split(stamps)
        if number == 0:
            clock.enter("steady")
            clock.move("first_step", "steady", (stamps[-1] - stamps[0]) * NANOSECOND)
            clock.move("steady", "first_step", data[0] + compute[0])
        losses = engine.read_losses(progress.losses)
        progress.finished_steps += len(losses)
        progress.losses.clear()
        recording.data_seconds += data
        recording.compute_seconds += compute
        recording.losses += losses
        recording.diverged = not all(map(math.isfinite, losses))
        clock.enter("evaluate")
        recording.evaluation = engine.evaluate()
        recording.diverged |= not recording.evaluation.finite
        epoch = _epoch(engine, stamps, data, compute, losses, recording.evaluation)
        recording.epochs.append(epoch)
        instruments.finished(epoch)
        if recording.diverged:
            break
    return recording


def _epoch(  # noqa: PLR0913,PLR0917  # the parts of one record, built in one place
    engine: Engine,
    stamps: List[int],
    data: List[float],
    compute: List[float],
    losses: List[float],
    evaluation: Evaluation,
) -> Epoch:
    return Epoch(
        seconds=(stamps[-1] - stamps[0]) * NANOSECOND,
        data_seconds=math.fsum(data),
        compute_seconds=math.fsum(compute),
        samples=engine.batch_size * len(losses),
        weight_updates=len(losses),
        loss=math.fsum(losses) / len(losses) if all(map(math.isfinite, losses)) else math.nan,
        accuracy=evaluation.accuracy,
    )
