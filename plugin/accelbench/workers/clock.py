"""The worker's phase clock: every second of a worker belongs to exactly one phase."""

from __future__ import annotations

import time
from typing import Callable, Dict


class PhaseClock:
    """Adds up seconds per phase; `announce` hears of every phase that begins."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self.phase = ""
        self.seconds: Dict[str, float] = {}
        self._announce = announce
        self._since = time.perf_counter()

    def enter(self, phase: str) -> None:
        """End the phase that runs and begin another, at one reading of the clock."""
        if phase == self.phase:
            return
        self.stop()
        self.phase = phase
        self._announce(phase)

    def stop(self) -> None:
        """End the phase that runs; the next begins at the same reading of the clock."""
        now = time.perf_counter()
        if self.phase:
            self.seconds[self.phase] = self.seconds.get(self.phase, 0.0) + now - self._since
        self.phase, self._since = "", now

    def move(self, source: str, target: str, seconds: float) -> None:
        """Count `seconds` that ran under one phase for another (the first step of an epoch)."""
        self.seconds[source] = self.seconds.get(source, 0.0) - seconds
        self.seconds[target] = self.seconds.get(target, 0.0) + seconds
