"""The training loop: one loop and one clock for every way to train.

Two time stamps a step: when the batch is there (data) and when the step is done (compute). Losses
stay on the device until the epoch ends; the device is synchronised at the edges of the window
only, and the garbage collector rests inside it. An engine may bring its device's own clock as
`clock`: stamps that lie in the device's queue are taken by it, and read once, after the window.
Without one the host's clock is read: on a device that works asynchronously its stamps say when the
host had queued the work, and only the epoch's total is the device's own. Where one update makes
several steps (`engine.steps_per_update`), the stamps are an update's, and its steps share its time.
"""

from __future__ import annotations

import gc
import math
import time
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Protocol, Tuple

from accelbench.records import Epoch, Evaluation
from accelbench.workers.clock import PhaseClock
from accelbench.workers.engine import Engine

NANOSECOND = 1e-9


def _nothing(_stamps: int) -> None:
    """Prepare nothing: the host's clock needs no room for its stamps."""


@dataclass(frozen=True)
class DeviceClock:
    """How stamps are taken and read: `now()` must neither wait for the device nor allocate.

    `read` turns the stamps of a window, in their order, into ns since any fixed moment; it is
    called after the synchronisation that ends the window. `prepare` hears before each window how
    many stamps it will take. `queued` stamps lie in the device's queue: the last is taken before
    that synchronisation, not after it.
    """

    now: Callable[[], Any]
    read: Callable[[List[Any]], List[int]]
    prepare: Callable[[int], None] = _nothing
    queued: bool = False


HOST = DeviceClock(time.perf_counter_ns, list)


class Progress:
    """What another thread may read while the loop runs: lists that only grow."""

    def __init__(self) -> None:
        self.epoch = 0
        self.batch_size = 0
        self.steps_per_update = 1
        self.finished_steps = 0
        self.losses: List[Any] = []

    @property
    def steps(self) -> int:
        """Steps done since the run began; an epoch's last update may count for too many."""
        return self.finished_steps + len(self.losses) * self.steps_per_update


class Meter(Protocol):
    """What measures beside the clock in every timed window."""

    def open(self) -> None:
        """Begin a window."""

    def close(self) -> None:
        """End a window."""


@dataclass(frozen=True)
class Instruments:
    """What measures a training: the phase clock, the shared progress, the meter of its windows.

    `finished` hears of each epoch when it is done.
    """

    clock: PhaseClock
    progress: Progress
    meter: Meter
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
    clock: DeviceClock = getattr(engine, "clock", HOST)
    first_steps = range(0, engine.steps_per_epoch, steps_per_update(engine))
    clock.prepare(2 + 2 * len(first_steps))
    fetch, update, now = engine.fetch, engine.update, clock.now
    stamps: List[Any] = []
    mark, keep = stamps.append, losses.append
    gc.collect()
    gc.disable()
    try:
        engine.synchronize()
        mark(now())
        engine.begin_epoch()
        for step in first_steps:
            batch = fetch(step)
            mark(now())
            keep(update(batch))
            mark(now())
        if clock.queued:
            mark(now())
        engine.synchronize()
        if not clock.queued:
            mark(now())
    finally:
        gc.enable()
    return clock.read(stamps)


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


def steps_per_update(engine: Engine) -> int:
    """Return how many steps one update makes: 1, unless the engine states another number."""
    return int(getattr(engine, "steps_per_update", 1))


def evaluates_at_end(engine: Engine) -> bool:
    """Tell whether the test set is evaluated after the last epoch only: no, unless it says so."""
    return bool(getattr(engine, "evaluates_at_end", False))


def shared(seconds: List[float], engine: Engine) -> List[float]:
    """Return the seconds of each step, given those of an epoch's updates: equal shares of them."""
    each = steps_per_update(engine)
    found: List[float] = []
    for update in seconds:
        steps = min(each, engine.steps_per_epoch - len(found))
        found += [update / steps] * steps
    return found


def train(engine: Engine, epochs: int, instruments: Instruments) -> Recording:
    """Train for `epochs`, evaluating after each, or after the last, outside the clock.

    A loss that is not finite, in training or in evaluation, ends the training as diverged.
    """
    clock, progress = instruments.clock, instruments.progress
    recording = Recording([], [], [], [])
    progress.batch_size = engine.batch_size
    progress.steps_per_update = steps_per_update(engine)
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
        recording.data_seconds += shared(data, engine)
        recording.compute_seconds += shared(compute, engine)
        recording.losses += losses
        recording.diverged = not all(map(math.isfinite, losses))
        if recording.diverged or number + 1 == epochs or not evaluates_at_end(engine):
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
    evaluation: Optional[Evaluation],
) -> Epoch:
    return Epoch(
        seconds=(stamps[-1] - stamps[0]) * NANOSECOND,
        data_seconds=math.fsum(data),
        compute_seconds=math.fsum(compute),
        samples=engine.batch_size * len(losses),
        weight_updates=len(losses),
        loss=math.fsum(losses) / len(losses) if all(map(math.isfinite, losses)) else math.nan,
        accuracy=None if evaluation is None else evaluation.accuracy,
    )
