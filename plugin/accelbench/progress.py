"""What a run says of itself while it goes on, and who hears of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from accelbench.lease import Holder


@dataclass(frozen=True)
class Progress:
    """What a run is at: shown live, never stored."""

    spec_name: str
    phase: str
    epoch: int = 0
    epochs: int = 0
    steps: int = 0
    loss: float | None = None
    samples_per_second: float | None = None


class Listener(Protocol):
    """Hears of a run's progress and of waiting for a unit."""

    def progress(self, progress: Progress) -> None:
        """A run moved on."""

    def waiting(self, unit: str, holder: Holder | None) -> None:
        """A run waits for a unit that another one holds."""


class Rate:
    """Steps a second between two heartbeats."""

    def __init__(self) -> None:
        self._last: tuple[float, int] | None = None

    def per_second(self, steps: int) -> float | None:
        """Return the rate since the last call; None the first time."""
        now, last = time.perf_counter(), self._last
        self._last = (now, steps)
        if last is None or now <= last[0]:
            return None
        return (steps - last[1]) / (now - last[0])
