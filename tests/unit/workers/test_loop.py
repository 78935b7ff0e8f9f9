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
from accelbench.workers.loop import (
    HOST,
    DeviceClock,
    Instruments,
    Progress,
    split,
    timed_window,
    train,
)
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


# ------------------------------------------------------------------------------------ device clocks
class Queue(Device):
    """A device that works later: each thing queued takes 10 ns, all is done at a synchronisation.

    Its stamps are places in the queue, worth nothing before the device has come to them.
    """

    def __init__(self, steps: int) -> None:
        super().__init__([[1.0] * steps])
        self.queued = self.done = self.prepared = 0
        self.clock = DeviceClock(self.stamp, self.read, self.prepare, queued=True)

    def prepare(self, stamps: int) -> None:
        self.calls.append("prepare")
        self.prepared = stamps

    def stamp(self) -> int:
        self.calls.append("stamp")
        self.prepared -= 1
        return self.queued

    def read(self, stamps: list[int]) -> list[int]:
        self.calls.append("read stamps")
        assert max(stamps) <= self.done
        return [10 * place for place in stamps]

    def fetch(self, step: int) -> int:
        self.queued += 1
        return step

    def update(self, batch: int) -> Any:  # noqa: ARG002  # a step of any size
        self.queued += 3
        return SimpleNamespace(handle=1.0)

    def synchronize(self) -> None:
        super().synchronize()
        self.done = self.queued


def test_stamps_of_a_device_are_read_once_after_the_one_synchronisation_at_the_end() -> None:
    engine = Queue(2)
    stamps = timed_window(engine, [])
    inside = ["stamp", "begin", "stamp", "stamp", "stamp", "stamp", "stamp"]
    assert engine.calls == ["prepare", "synchronize", *inside, "synchronize", "read stamps"]
    assert engine.prepared == 0
    assert stamps == [0, 10, 40, 50, 80, 80]
    data, compute = split(stamps)
    assert [round(each * 1e9) for each in data] == [10, 10]
    assert [round(each * 1e9) for each in compute] == [30, 30]


def test_an_epoch_lasts_as_long_as_on_the_devices_clock() -> None:
    heard = Heard()
    recording = train(Queue(3), 1, heard.instruments)
    assert recording.epochs[0].seconds == pytest.approx(120e-9)
    assert recording.epochs[0].data_seconds == pytest.approx(30e-9)
    assert recording.compute_seconds == pytest.approx([30e-9] * 3)


def test_an_engine_without_a_clock_of_its_own_is_timed_by_the_hosts() -> None:
    before = time.perf_counter_ns()
    stamps = timed_window(Device([[1.0, 2.0]]), [])
    assert before <= stamps[0]
    assert stamps[-1] <= time.perf_counter_ns()
    engine = Device([[1.0, 2.0]])
    engine.clock = DeviceClock(iter([1, 2, 4, 8, 16, 32]).__next__, list)  # type: ignore[attr-defined]  # optional
    assert timed_window(engine, []) == [1, 2, 4, 8, 16, 32]
    assert HOST.now is time.perf_counter_ns


def test_a_host_clocks_last_stamp_comes_after_the_synchronisation() -> None:
    engine = Device([[1.0]])
    synchronize, ended = engine.synchronize, [0]

    def slow() -> None:
        synchronize()
        time.sleep(0.002)
        ended[0] = time.perf_counter_ns()

    engine.synchronize = slow  # type: ignore[method-assign]  # a look from inside
    assert timed_window(engine, [])[-1] >= ended[0]


# ------------------------------------------------------------------------ several steps an update
class Executions(Device):
    """An engine whose update makes up to 4 steps of an epoch of 10; the losses count the steps."""

    def __init__(self, epochs: int) -> None:
        super().__init__([[0.0] * 10] * epochs)
        self.steps_per_update = 4
        self.made = 0
        self.seen: list[int] = []
        self.progress = Progress()

    def fetch(self, step: int) -> int:
        self.calls.append(f"fetch {step}")
        return min(self.steps_per_update, self.steps_per_epoch - step)

    def update(self, batch: int) -> Any:
        time.sleep(0.005 * batch)
        self.seen.append(self.progress.steps)
        losses = [float(self.made + each) for each in range(batch)]
        self.made += batch
        return losses

    def read_losses(self, losses: list[Any]) -> list[float]:
        return [loss for update in losses for loss in update]


def test_an_update_of_several_steps_counts_as_so_many_and_they_share_its_time() -> None:
    heard, engine = Heard(), Executions(2)
    engine.progress = heard.progress
    recording = train(engine, 2, heard.instruments)
    fetched = [call for call in engine.calls if call.startswith("fetch")]
    assert fetched == ["fetch 0", "fetch 4", "fetch 8"] * 2
    assert recording.losses == [float(step) for step in range(20)]
    for number, epoch in enumerate(recording.epochs):
        assert (epoch.weight_updates, epoch.samples) == (10, 40)
        steps = recording.compute_seconds[10 * number : 10 * number + 10]
        assert epoch.compute_seconds == pytest.approx(math.fsum(steps))
    assert len(recording.data_seconds) == len(recording.compute_seconds) == 20
    assert len(set(recording.compute_seconds[:4])) == 1
    assert all(seconds >= 0.005 for seconds in recording.compute_seconds)
    assert engine.seen == [0, 4, 8, 10, 14, 18]
    assert heard.progress.steps == 20
    first_update = math.fsum(recording.data_seconds[:4]) + math.fsum(recording.compute_seconds[:4])
    assert heard.clock.seconds["first_step"] >= 0.999 * first_update


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


def test_an_engine_may_be_evaluated_after_its_last_epoch_only() -> None:
    heard, engine = Heard(), Device([[2.0], [1.0], [0.5]])
    engine.evaluates_at_end = True  # type: ignore[attr-defined]  # optional
    recording = train(engine, 3, heard.instruments)
    assert engine.calls.count("evaluate") == 1
    assert [epoch.accuracy for epoch in recording.epochs] == [None, None, 0.25]
    assert recording.evaluation == Evaluation(loss=0.5, samples=10, accuracy=0.25)
    assert heard.phases == ["first_step", "steady", "evaluate"]


def test_a_training_that_diverges_is_evaluated_where_it_ends() -> None:
    heard, engine = Heard(), Device([[2.0], [math.nan], [0.5]])
    engine.evaluates_at_end = True  # type: ignore[attr-defined]  # optional
    recording = train(engine, 3, heard.instruments)
    assert recording.diverged
    assert [epoch.accuracy for epoch in recording.epochs] == [None, 0.25]


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
