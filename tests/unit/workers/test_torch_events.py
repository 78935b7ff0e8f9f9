"""The clock of a device's events: made before a window, used again, read as differences.

Needs no torch, and runs on Python 3.8 too; tests of real events are in test_torch_device.py.
"""

# ruff: noqa: ANN401  # a stand-in for a framework's event

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from accelbench.workers.torch_events import EventPool, event_clock


class Stream:
    """A queue whose clock the test sets, in ns."""

    def __init__(self) -> None:
        self.ns = 0


class Event:
    """What torch.cuda.Event gives: recorded in a stream, read as a float32 of milliseconds."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.ns = -1

    def record(self, stream: Stream) -> None:
        self.ns = stream.ns

    def elapsed_time(self, later: Event) -> float:
        assert min(self.ns, later.ns) >= 0, "an event that was never recorded"
        return float(np.float32((later.ns - self.ns) * 1e-6))


@pytest.fixture
def stream() -> Stream:
    Event.made = 0
    return Stream()


def window(pool: EventPool, stream: Stream, times: Any) -> list[int]:
    """Take a stamp at each of these times, and read them."""
    stamps = []
    for ns in times:
        stream.ns = int(ns)
        stamps.append(pool.now())
    return pool.read(stamps)


def test_no_event_is_made_inside_a_window_nor_for_a_second_one(stream: Stream) -> None:
    pool = EventPool(Event, lambda: stream)
    pool.prepare(8)
    assert Event.made == 8
    for _ in range(3):
        pool.prepare(8)
        assert len(window(pool, stream, range(8))) == 8
    assert Event.made == 8
    pool.prepare(10)
    assert Event.made == 10


def test_stamps_are_ns_since_the_first_whatever_order_the_events_are_used_in(
    stream: Stream,
) -> None:
    pool = EventPool(Event, lambda: stream)
    for start in (0, 5_000_000):
        pool.prepare(4)
        times = [start, start + 2_000, start + 3_000, start + 1_000_000]
        assert window(pool, stream, times) == [0, 2_000, 3_000, 1_000_000]


def test_more_stamps_than_were_prepared_are_taken_all_the_same(stream: Stream) -> None:
    pool = EventPool(Event, lambda: stream)
    pool.prepare(1)
    assert window(pool, stream, [0, 10_000, 20_000]) == [0, 10_000, 20_000]


def test_a_long_epoch_keeps_the_resolution_of_its_steps(stream: Stream) -> None:
    # 40 minutes in steps of 120 ms: as float32 since the opening, a stamp is off by up to 0.1 ms.
    times = np.arange(20_000) * 120_000_000 + np.arange(20_000) % 7 * 1_000
    pool = EventPool(Event, lambda: stream)
    pool.prepare(len(times))
    found = window(pool, stream, times)
    assert np.abs(np.array(found) - times).max() < 200_000  # of 2.4e12: 1e-7
    steps = np.diff(found)
    assert np.abs(steps - np.diff(times)).max() < 20
    whole = float(np.float32(times[-2] * 1e-6)) * 1e6
    assert abs(whole - times[-2]) > 20


def test_stamps_never_run_backwards(stream: Stream) -> None:
    # Two events in one moment may read as some ns below nothing.
    pool = EventPool(Event, lambda: stream)
    assert window(pool, stream, [10, 9, 12]) == [0, 0, 3]


def test_the_stream_that_is_current_when_a_window_opens_is_stamped() -> None:
    first, second = Stream(), Stream()
    current = [first]
    pool = EventPool(Event, lambda: current[0])
    current[0] = second
    first.ns, second.ns = 1, 2_000
    pool.prepare(2)
    assert pool.now().ns == 2_000


class Untimed(Event):
    """An event that orders work but keeps no time."""

    def elapsed_time(self, later: Event) -> float:  # noqa: ARG002  # torch's own signature
        raise RuntimeError("elapsed time is not available")


def test_events_that_keep_no_time_give_no_clock(stream: Stream) -> None:
    assert event_clock(Untimed, lambda: stream, lambda: None) is None
    assert event_clock(object, lambda: stream, lambda: None) is None


def test_events_are_tried_after_a_synchronisation_and_give_a_queued_clock(stream: Stream) -> None:
    calls: list[str] = []
    clock = event_clock(Event, lambda: stream, lambda: calls.append("synchronize"))
    assert clock is not None
    assert clock.queued
    assert calls == ["synchronize"]
    clock.prepare(2)
    stamps = [clock.now(), clock.now()]
    assert clock.read(stamps) == [0, 0]
