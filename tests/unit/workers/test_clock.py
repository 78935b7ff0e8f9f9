"""Every second of a worker belongs to exactly one phase."""

from __future__ import annotations

import time

import pytest

from accelbench.workers.clock import PhaseClock


def test_phases_sum_to_the_time_from_first_entry_to_stop() -> None:
    clock = PhaseClock(lambda _phase: None)
    start = time.perf_counter()
    for phase in ("import", "data", "steady", "evaluate", "steady"):
        clock.enter(phase)
        time.sleep(0.005)
    clock.stop()
    wall = time.perf_counter() - start
    assert 0.025 <= sum(clock.seconds.values()) <= wall
    assert clock.seconds["steady"] >= 0.01
    assert list(clock.seconds) == ["import", "data", "steady", "evaluate"]


def test_each_phase_is_announced_when_it_begins_and_not_again() -> None:
    announced: list[str] = []
    clock = PhaseClock(announced.append)
    for phase in ("data", "data", "steady", "data"):
        clock.enter(phase)
    clock.stop()
    assert announced == ["data", "steady", "data"]


def test_time_before_the_first_phase_and_after_the_stop_is_nobodys() -> None:
    clock = PhaseClock(lambda _phase: None)
    time.sleep(0.2)
    clock.enter("data")
    clock.stop()
    time.sleep(0.2)
    clock.stop()
    assert clock.phase == ""
    assert clock.seconds["data"] < 0.2


def test_moving_seconds_keeps_the_sum() -> None:
    clock = PhaseClock(lambda _phase: None)
    clock.enter("first_step")
    time.sleep(0.01)
    clock.stop()
    before = sum(clock.seconds.values())
    clock.move("first_step", "steady", 0.004)
    assert clock.seconds["steady"] == 0.004
    assert sum(clock.seconds.values()) == pytest.approx(before)
