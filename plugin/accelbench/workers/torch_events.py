"""A device's own clock: timing events in its queue, read once after an epoch."""

from __future__ import annotations

import math
from typing import Any, Callable, List, Optional

from accelbench.workers.loop import DeviceClock

MILLISECOND_NS = 1e6


class EventPool:
    """Timing events of one device, made before they are needed and used again in every epoch.

    `event()` makes an event that keeps time, `stream()` names the queue that the training uses;
    both as in torch.cuda: `record(stream)`, and `elapsed_time(later)` in milliseconds.
    """

    def __init__(self, event: Callable[[], Any], stream: Callable[[], Any]) -> None:
        self._event = event
        self._current_stream = stream
        self._stream = stream()
        self._free: List[Any] = []

    def prepare(self, stamps: int) -> None:
        """Have as many events as a window takes, on the stream that is current now."""
        self._stream = self._current_stream()
        for _ in range(stamps - len(self._free)):
            event = self._event()
            # CUDA makes an event when it is first recorded: here, and not inside the window.
            event.record(self._stream)
            self._free.append(event)

    def now(self) -> Any:  # noqa: ANN401  # an event is the framework's own
        """Record an event behind what is queued; beyond what was prepared, a new one."""
        event = self._free.pop() if self._free else self._event()
        event.record(self._stream)
        return event

    def read(self, stamps: List[Any]) -> List[int]:
        """Return ns since the first stamp; the events are free again.

        Differences of neighbours are summed: a difference is a float32 of milliseconds, which over
        a whole epoch would resolve no more than some microseconds.
        """
        elapsed, found = 0.0, [0]
        for earlier, later in zip(stamps, stamps[1:]):  # noqa: RUF007  # pairwise came with 3.10
            elapsed += max(0.0, earlier.elapsed_time(later))
            found.append(round(elapsed * MILLISECOND_NS))
        self._free.extend(stamps)
        return found


def event_clock(
    event: Callable[[], Any], stream: Callable[[], Any], synchronize: Callable[[], None]
) -> Optional[DeviceClock]:
    """Return the clock of a device's events, or None where they do not keep time: it is tried."""
    try:
        pool = EventPool(event, stream)
        first, second = pool.now(), pool.now()
        synchronize()
        usable = math.isfinite(first.elapsed_time(second))
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return None
    return DeviceClock(pool.now, pool.read, pool.prepare, queued=True) if usable else None
