"""Time limits of a run: one for the whole of it, and one per phase without progress."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

QUEUE = "queue"
"""Waiting for a scheduler's resources: no limit runs in it, for nobody here can shorten it."""

PHASES = ("attach", "import", "data", "compile", "first_step", "steady", "evaluate", "teardown")

DEFAULT_STALL_SECONDS = {
    "attach": 120.0,
    "import": 300.0,
    "data": 300.0,
    "compile": 1800.0,  # a first compilation for an accelerator takes half an hour at the worst
    "first_step": 600.0,
    "steady": 300.0,
    "evaluate": 600.0,
    "teardown": 30.0,
}


@dataclass(frozen=True)
class Limits:
    """Seconds that a run may take, queueing apart, and that a phase may pass without progress."""

    run_seconds: float
    stall_seconds: tuple[tuple[str, float], ...]

    def stall(self, phase: str) -> float:
        """Return the seconds that `phase` may pass without progress."""
        return dict(self.stall_seconds).get(phase, DEFAULT_STALL_SECONDS["steady"])


def parse_limits(run_timeout: float, stall_timeouts: Sequence[str]) -> Limits:
    """Return limits from `--run-timeout` and from `--stall-timeout SECONDS|PHASE=SECONDS` values.

    ValueError says which value does not fit and what would.
    """
    stalls = dict(DEFAULT_STALL_SECONDS)
    for text in stall_timeouts:
        phase, equals, number = text.rpartition("=")
        if equals and phase not in PHASES:
            raise ValueError(
                f"--stall-timeout {text}: unknown phase {phase!r}; known: {', '.join(PHASES)}"
            )
        seconds = _positive(f"--stall-timeout {text}", number)
        stalls.update({phase: seconds} if equals else dict.fromkeys(PHASES, seconds))
    return Limits(_positive("--run-timeout", str(run_timeout)), tuple(stalls.items()))


def _positive(place: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise ValueError(f"{place}: a number of seconds above 0 is expected, not {text!r}")
    if seconds > threading.TIMEOUT_MAX:  # no timer and no wait takes more
        raise ValueError(
            f"{place}: at most {threading.TIMEOUT_MAX:.0f} seconds are possible, not {text!r}"
        )
    return seconds


class TimedOutError(Exception):
    """A limit was passed in `phase`; the message says which, and how to raise it."""

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(message)
        self.phase = phase


@dataclass
class Watch:
    """Follows one run's progress; `check` raises TimedOutError when a limit is passed."""

    limits: Limits
    phase: str = "attach"
    progress: int = -1
    started: float = field(default_factory=time.perf_counter)
    moved: float = field(default_factory=time.perf_counter)
    entered: float = field(default_factory=time.perf_counter)
    queue_seconds: float = 0.0

    def enter(self, phase: str) -> None:
        """A phase began."""
        now = time.perf_counter()
        if self.phase == QUEUE:
            self.queue_seconds += now - self.entered
        self.phase, self.moved, self.entered = phase, now, now

    def step(self, steps: int) -> None:
        """So many steps are done; a number that does not grow is no progress."""
        if steps != self.progress:
            self.progress, self.moved = steps, time.perf_counter()

    def stalled(self, seconds: float) -> TimedOutError:
        """Return what is raised after so many seconds without progress."""
        return TimedOutError(
            self.phase,
            f"no progress for {seconds:.0f} s in phase {self.phase} (limit "
            f"{self.limits.stall(self.phase):g} s; --stall-timeout {self.phase}=SECONDS raises it)",
        )

    def overran(self, seconds: float) -> TimedOutError:
        """Return what is raised when the whole run took so many seconds."""
        return TimedOutError(
            self.phase,
            f"the run took {seconds:.0f} s and was in phase {self.phase} "
            f"(limit {self.limits.run_seconds:g} s; --run-timeout SECONDS raises it)",
        )

    def check(self) -> None:
        """Compare the clock with the limits."""
        if self.phase == QUEUE:
            return
        now = time.perf_counter()
        stalled, allowed = now - self.moved, self.limits.stall(self.phase)
        if stalled > allowed:
            raise self.stalled(stalled)
        ran = now - self.started - self.queue_seconds
        if ran > self.limits.run_seconds:
            raise self.overran(ran)
