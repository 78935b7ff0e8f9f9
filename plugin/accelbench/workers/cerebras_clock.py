"""Stamps and losses of steps from the SDK's step closures, on the host's clock.

The SDK runs a step's closure when its loss has arrived on the host, which may be while the next
batch is fetched. So the stamp that the loop takes after an update is a number that stands for the
step, and becomes the closure's stamp when the window is read. What the SDK spends on queueing,
compiling and programming inside a step is no training: this clock stands still meanwhile.
"""

from __future__ import annotations

import time
from itertools import accumulate
from typing import Dict, List, Optional, Tuple

from accelbench.workers.loop import DeviceClock


class StepClock:
    """The stamps and losses of all steps of one training, by the steps' numbers from 0 on.

    Where the SDK brings only every nth loss (activation_steps), the steps before it share its loss
    and, in equal parts, its time.
    """

    def __init__(self) -> None:
        self.clock = DeviceClock(self.now, self.read)
        self._seen: Dict[int, Tuple[int, float]] = {}
        self._updated: Optional[int] = None
        self._pauses: List[Tuple[int, int]] = []
        self._paused_since: Optional[int] = None

    def updated(self, step: int) -> None:
        """Let the next stamp be the moment at which a step's loss arrives."""
        self._updated = step

    def arrived(self, step: int, loss: float) -> None:
        """Take the stamp and the loss of a step: called from its closure."""
        self._seen[step] = (time.perf_counter_ns(), loss)

    def pause(self) -> None:
        """Stand still from now on; while it does, nothing changes."""
        if self._paused_since is None:
            self._paused_since = time.perf_counter_ns()

    def resume(self) -> None:
        """Go on."""
        if self._paused_since is not None:
            self._pauses.append((self._paused_since, time.perf_counter_ns()))
            self._paused_since = None

    @property
    def has_paused(self) -> bool:
        """Whether any time was left out."""
        return bool(self._pauses)

    def now(self) -> int:
        """Return the host's time in ns; after an update, ~step instead."""
        step, self._updated = self._updated, None
        return time.perf_counter_ns() if step is None else ~step

    def read(self, stamps: List[int]) -> List[int]:
        """Return a window's stamps in ns, in their order, without the pauses."""
        steps = [~each for each in stamps if each < 0]
        begun = [before for before, each in zip(stamps, stamps[1:]) if each < 0]  # noqa: RUF007  # pairwise came with 3.10
        done = self._done(steps, begun)
        moving = (self._moving(done[~each] if each < 0 else each) for each in stamps)
        # A batch may be fetched before the step in front of it, by its share of the time, is done.
        return list(accumulate(moving, max))

    def losses(self, steps: List[int]) -> List[float]:
        """Return the losses of steps in their order."""
        found: List[float] = []
        for step in reversed(steps):
            known = self._seen.get(step)
            # A step whose loss the SDK did not bring has that of the next one that it did.
            found.append(known[1] if known is not None else found[-1] if found else float("nan"))
        return found[::-1]

    def _done(self, steps: List[int], begun: List[int]) -> Dict[int, int]:
        """Return when each step was done; those without a stamp share the time up to the next."""
        found: Dict[int, int] = {}
        waiting: List[int] = []
        since = 0
        for step, begin in zip(steps, begun):
            since = since if waiting else begin
            waiting.append(step)
            if step not in self._seen:
                found[step] = begin
                continue
            until = self._seen[step][0]
            for number, each in enumerate(waiting, 1):
                found[each] = since + (until - since) * number // len(waiting)
            waiting.clear()
        return found

    def _moving(self, stamp: int) -> int:
        """Return a stamp without what was paused before it."""
        return stamp - sum(min(end, stamp) - begin for begin, end in self._pauses if begin < stamp)
