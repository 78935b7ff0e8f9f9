"""Stamps of steps that are told later, and time that does not count."""

from __future__ import annotations

import time

import pytest

from accelbench.workers.cerebras_clock import StepClock
from accelbench.workers.loop import split


class Host:
    """A host's clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ns = 0
        monkeypatch.setattr(time, "perf_counter_ns", lambda: self.ns)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch)


def window(clock: StepClock, host: Host, every: int = 1) -> list[int]:
    """Take the stamps of four steps: 10 ns of data each, 100 ns until its loss is there.

    As in the SDK, the loss of a step arrives while the next batch is fetched.
    """
    stamps = [clock.now()]
    for step in range(4):
        if step and not step % every:
            host.ns += 100 * every
            clock.arrived(step - 1, float(step - 1))
        host.ns += 10
        stamps.append(clock.now())
        clock.updated(step)
        stamps.append(clock.now())
    host.ns += 100 * every
    clock.arrived(3, 3.0)
    return [*stamps, clock.now()]


def test_a_step_ends_when_its_loss_arrives(host: Host) -> None:
    clock = StepClock()
    stamps = clock.read(window(clock, host))
    data, compute = split(stamps)
    assert [round(each * 1e9) for each in data] == [10] * 4
    assert [round(each * 1e9) for each in compute] == [100] * 4
    assert clock.losses([0, 1, 2, 3]) == [0.0, 1.0, 2.0, 3.0]


def test_steps_without_a_loss_share_the_next_ones_time_and_loss(host: Host) -> None:
    clock = StepClock()
    stamps = clock.read(window(clock, host, every=2))
    assert stamps == sorted(stamps)
    data, compute = split(stamps)
    assert round(sum(data + compute) * 1e9) == stamps[-1] - stamps[0] == 440
    assert [round(each * 1e9) for each in compute] == [105, 105, 105, 105]
    assert clock.losses([0, 1, 2, 3]) == [1.0, 1.0, 3.0, 3.0]


def test_a_loss_that_never_comes_is_not_a_number() -> None:
    clock = StepClock()
    clock.arrived(0, 0.5)
    first, second = clock.losses([0, 1])
    assert first == 0.5
    assert second != second  # noqa: PLR0124  # only not-a-number differs from itself


def test_what_is_paused_is_left_out_wherever_a_stamp_lies(host: Host) -> None:
    clock = StepClock()
    rested = [clock.has_paused]
    for begin, end in ((100, 150), (300, 400)):
        host.ns = begin
        clock.pause()
        host.ns = begin + 1
        clock.pause()  # nothing changes: it stands still already
        host.ns = end
        clock.resume()
        clock.resume()
    assert [*rested, clock.has_paused] == [False, True]
    assert clock.read([50, 100, 120, 150, 200, 350, 500]) == [50, 100, 100, 100, 150, 250, 350]


def test_the_hosts_clock_is_read_where_no_step_was_updated() -> None:
    clock = StepClock()
    before = time.perf_counter_ns()
    stamps = [clock.now()]
    clock.updated(7)
    stamps += [clock.now(), clock.now()]
    assert before <= stamps[0] <= stamps[2] <= time.perf_counter_ns()
    assert stamps[1] == ~7
