"""The training loop: two stamps a step, losses read once an epoch, no collection inside windows.

This file runs on Python 3.8 too, with pytest and numpy alone: no fixtures of the plugin.
"""

# ruff: noqa: ANN401  # a batch and a loss are the framework's own

from __future__ import annotations

import gc
import math
import time
from types import SimpleNamespace
from typing import Any

import pytest

from accelbench.records import Epoch, Evaluation
from accelbench.workers.clock import PhaseClock
from accelbench.workers.host import LoadMeter
from accelbench.workers.loop import Instruments, Progress, split, timed_window, train
from accelbench.workers.ways.own import Stepper


class Device:
    """An engine that notes the order of all calls; its losses are handles, not numbers."""

    def __init__(self, losses: list[list[float]], evaluations: list[float] | None = None) -> None:
        self.steps_per_epoch = len(losses[0])
        self.batch_size = 4
        self.parameters = 7
        self.calls: list[str] = []
        self.collecting: list[bool] = []
        self._losses = iter([loss for epoch in losses for loss in epoch])
        self._evaluations = iter(evaluations or [0.5] * len(losses))

    def compile(self) -> None:
        self.calls.append("compile")

    def begin_epoch(self) -> None:
        self.calls.append("begin")

    def fetch(self, step: int) -> int:
        self.calls.append(f"fetch {step}")
        time.sleep(0.002)
        return step

    def update(self, batch: int) -> Any:
        self.calls.append(f"update {batch}")
        self.collecting.append(gc.isenabled())
        return SimpleNamespace(handle=next(self._losses))

    def synchronize(self) -> None:
        self.calls.append("synchronize")

    def read_losses(self, losses: list[Any]) -> list[float]:
        self.calls.append("read")
        return [loss.handle for loss in losses]

    def evaluate(self) -> Evaluation:
        self.calls.append("evaluate")
        return Evaluation(loss=next(self._evaluations), samples=10, accuracy=0.25)

    def treatment(self) -> Any:
        return ()


class Heard:
    """Instruments that remember what they were told."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.epochs: list[Epoch] = []
        self.clock = PhaseClock(self.phases.append)
        self.progress = Progress()
        self.instruments = Instruments(self.clock, self.progress, LoadMeter(), self.epochs.append)


# -------------------------------------------------------------------------------- window and split
def test_a_window_synchronises_at_its_edges_only_and_reads_no_loss() -> None:
    engine = Device([[1.0, 2.0, 3.0]])
    losses: list[Any] = []
    stamps = timed_window(engine, losses)
    assert engine.calls == [
        "synchronize",
        "begin",
        "fetch 0",
        "update 0",
        "fetch 1",
        "update 1",
        "fetch 2",
        "update 2",
        "synchronize",
    ]
    assert [loss.handle for loss in losses] == [1.0, 2.0, 3.0]
    assert len(stamps) == 2 + 2 * 3
    assert stamps == sorted(stamps)


def test_nothing_is_collected_inside_a_window_and_again_after_it() -> None:
    assert gc.isenabled()
    engine = Device([[1.0, 2.0]])
    timed_window(engine, [])
    assert engine.collecting == [False, False]
    assert gc.isenabled()


def test_collection_is_switched_on_again_when_a_step_raises() -> None:
    def step(number: int) -> float:
        raise ZeroDivisionError(number)

    engine = Stepper(step, lambda: Evaluation(0.0, 1), 1, 3)
    with pytest.raises(ZeroDivisionError):
        timed_window(engine, [])
    assert gc.isenabled()


def test_split_gives_each_step_its_data_and_compute_time() -> None:
    # Opened at 10; batches at 13, 30, 44; steps done at 20, 40, 50; synchronised at 60.
    data, compute = split([10, 13, 20, 30, 40, 44, 50, 60])
    assert [round(each * 1e9) for each in data] == [3, 10, 4]
    assert [round(each * 1e9) for each in compute] == [7, 10, 16]


@pytest.mark.parametrize("steps", [1, 2, 17])
def test_data_and_compute_sum_to_the_window(steps: int) -> None:
    stamps = timed_window(Device([[0.5] * steps]), [])
    data, compute = split(stamps)
    assert len(data) == len(compute) == steps
    assert math.fsum(data + compute) == pytest.approx((stamps[-1] - stamps[0]) * 1e-9, abs=1e-12)
    assert all(each >= 0.002 for each in data)


def test_a_slow_synchronisation_belongs_to_the_last_steps_computation() -> None:
    engine = Device([[1.0, 2.0]])
    calls = iter([0.0, 0.05])
    engine.synchronize = lambda: time.sleep(next(calls))  # type: ignore[method-assign]  # a queue
    _, compute = split(timed_window(engine, []))
    assert compute[-1] >= 0.05


# ----------------------------------------------------------------------------------------- training
def test_two_epochs_are_recorded_whole() -> None:
    heard = Heard()
    engine = Device([[1.0, 3.0], [0.5, 1.5]], evaluations=[0.8, 0.4])
    recording = train(engine, 2, heard.instruments)
    assert recording.losses == [1.0, 3.0, 0.5, 1.5]
    assert not recording.diverged
    assert recording.evaluation == Evaluation(0.4, 10, 0.25)
    assert recording.epochs == heard.epochs
    first, second = recording.epochs
    assert (first.loss, second.loss) == (2.0, 1.0)
    assert (first.samples, first.weight_updates, first.accuracy) == (8, 2, 0.25)
    assert first.seconds == pytest.approx(first.data_seconds + first.compute_seconds)
    assert first.data_seconds == pytest.approx(math.fsum(recording.data_seconds[:2]))
    assert len(recording.data_seconds) == len(recording.compute_seconds) == 4


def test_losses_are_read_once_an_epoch_and_evaluation_is_outside_the_window() -> None:
    heard = Heard()
    engine = Device([[1.0], [2.0]])
    train(engine, 2, heard.instruments)
    epoch = ["synchronize", "begin", "fetch 0", "update 0", "synchronize", "read", "evaluate"]
    assert engine.calls == epoch * 2


def test_phases_come_in_order_and_the_first_step_is_its_own() -> None:
    heard = Heard()
    recording = train(Device([[1.0, 2.0], [1.0, 2.0]]), 2, heard.instruments)
    heard.clock.stop()
    assert heard.phases == ["first_step", "steady", "evaluate", "steady", "evaluate"]
    seconds = heard.clock.seconds
    first = recording.data_seconds[0] + recording.compute_seconds[0]
    rest = sum(epoch.seconds for epoch in recording.epochs) - first
    assert seconds["first_step"] >= first
    assert seconds["steady"] >= rest
    assert seconds["first_step"] + seconds["steady"] >= first + rest


def test_progress_grows_over_the_epochs_and_can_be_read_at_any_time() -> None:
    heard = Heard()
    engine = Device([[1.0, 2.0], [1.0, 2.0]])
    seen: list[tuple[int, int]] = []
    update = engine.update

    def watched(batch: int) -> Any:
        seen.append((heard.progress.epoch, heard.progress.steps))
        return update(batch)

    engine.update = watched  # type: ignore[method-assign]  # a look from inside
    train(engine, 2, heard.instruments)
    assert seen == [(1, 0), (1, 1), (2, 2), (2, 3)]
    assert heard.progress.steps == 4
    assert heard.progress.batch_size == 4


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_training_as_diverged(bad: float) -> None:
    heard = Heard()
    recording = train(Device([[1.0, bad], [1.0, 1.0]]), 2, heard.instruments)
    assert recording.diverged
    assert len(recording.epochs) == len(heard.epochs) == 1
    assert math.isnan(recording.epochs[0].loss)
    assert recording.losses[0] == 1.0


def test_an_evaluation_that_is_not_finite_is_a_divergence_too() -> None:
    heard = Heard()
    engine = Device([[1.0], [1.0]], evaluations=[math.nan, 0.1])
    recording = train(engine, 2, heard.instruments)
    assert recording.diverged
    assert len(recording.epochs) == 1
