"""What a verdict rests on: points of data, and the options they are judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelbench.levels import ALPHA_NIGHT, SCREEN_LEVEL
from accelbench.records import Floor, Reading
from accelbench.verdict.trajectory import Trajectory

SCREEN = "screen"
"""The test's own run: it may raise a suspicion, and never confirms it."""
FRESH = "fresh"
"""A confirming run: a fresh process, a fresh seed."""
NEW = "new"
"""One side of a pair: what is under test."""
BASE = "base"
"""The other side of a pair: what it is compared with, run beside it."""
SECOND_UNIT = "second unit"
"""A confirming run on another unit of the same device."""
ROLES = (SCREEN, FRESH, NEW, BASE, SECOND_UNIT)

PAIRED_CODE = "paired(code)"
PAIRED_STACK = "paired(stack)"
UNPAIRED = "unpaired"
METHODS = (PAIRED_CODE, PAIRED_STACK, UNPAIRED)
"""How a device metric may be confirmed: a pair proves only what differs between its sides. Code
changed: against the base revision; SDK or framework changed: against the old interpreter; driver,
firmware, unit or host changed: nothing can be paired."""

LEAST_CANDIDATES = 12
CANDIDATES_PER_EXPECTED = 1.5


@dataclass(frozen=True)
class Point:
    """One metric of one run.

    `session` and `time` (any text that sorts by time) tell nights apart, `unit` the card it ran on.
    `control`: throughput of the control workload around the run, samples/s; None without one.
    `pair` numbers the pairs of a duet.
    """

    reading: Reading
    session: str = ""
    time: str = ""
    unit: str = ""
    control: float | None = None
    role: str = SCREEN
    pair: int = 0


UNCOMPARED = Trajectory()
"""Nobody looked at the early losses."""


@dataclass(frozen=True)
class JudgeOptions:
    """How a metric is judged.

    `gates`: gated metrics of the whole session, fixed before it starts. `screen`: the screen's
    level. `rerun`: whether confirming runs can be made; without, a suspicion stays `inconclusive`.
    `method`: how a device metric is confirmed. `units`: units of the device at hand. `chance`:
    accuracy of guessing. `exact_digits`: the workload is deterministic, compared to so many digits.
    `smallest_effect`: None takes the metric's own. `trajectory`: what the early losses said.
    """

    gates: int = 1
    screen: float = SCREEN_LEVEL
    alpha_night: float = ALPHA_NIGHT
    rerun: bool = False
    method: str = UNPAIRED
    units: int = 1
    chance: float = 0.0
    exact_digits: int | None = None
    smallest_effect: float | None = None
    floor: Floor | None = None
    trajectory: Trajectory = UNCOMPARED

    @property
    def candidates(self) -> float:
        """How many suspicions the night's rate is divided among, fixed beforehand."""
        expected = CANDIDATES_PER_EXPECTED * self.screen * max(1, self.gates)
        return max(float(LEAST_CANDIDATES), expected)

    @property
    def alpha(self) -> float:
        """The false-alarm rate of one suspicion."""
        return self.alpha_night / self.candidates


@dataclass(frozen=True)
class Case:
    """All that one verdict rests on: what `judge` was asked, so that it can be replayed."""

    metric: str
    reference: tuple[Point, ...]
    history: tuple[Point, ...]
    runs: tuple[Point, ...]
    options: JudgeOptions


def of_role(points: Sequence[Point], *roles: str) -> tuple[Point, ...]:
    """Return the points of some roles, in their order."""
    return tuple(point for point in points if point.role in roles)
