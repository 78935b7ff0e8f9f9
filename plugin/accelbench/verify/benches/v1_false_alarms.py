"""V1: nights of 50 unchanged metrics that raise a false alarm, the headline *machine* included."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from accelbench.levels import SCREEN_LEVEL
from accelbench.verdict.evidence import PAIRED_CODE, UNPAIRED
from accelbench.verify.bench import Row, Size, Task, lower, met, upper
from accelbench.verify.nights import tally
from accelbench.verify.play import Rules
from accelbench.verify.worlds import DRIFT, FRESH, QUIET, WORLDS, World

LIMIT = 0.010
"""The night's rate that is promised."""


@dataclass(frozen=True)
class Aim:
    """A world, a judge for throughput, and the screen's level."""

    world: World
    method: str
    screen: float = SCREEN_LEVEL

    @property
    def judge(self) -> str:
        """The judge's name, with the level where it is not the default."""
        wide = "" if self.screen == SCREEN_LEVEL else f", screen {self.screen:g}"
        return f"{self.method}{wide}"


AIMS = (
    *(Aim(world, method) for method in (PAIRED_CODE, UNPAIRED) for world in WORLDS),
    *(Aim(DRIFT, PAIRED_CODE, screen) for screen in (0.2, 0.5)),
)

NOTES = {
    FRESH.name: "; throughput cannot be rejected by so few nights",
    QUIET.name: "; not cured yet: where runs scatter less than the control's do, pair",
}
"""What to know of the unpaired rule in a world."""


def _run(aim: Aim, size: Size, rng: np.random.Generator) -> tuple[Row, ...]:
    world = aim.world
    found = tally(world, Rules(aim.method, aim.screen), size.nights, rng)
    high = upper(found.alarms, found.nights)
    low = lower(found.alarms, found.nights)
    parts = (
        f"throughput {found.throughput}, accuracy {found.accuracy}, machine {found.machine}; runs "
        f"per test: throughput {found.throughput_runs:.2f}, accuracy {found.accuracy_runs:.2f}"
    )
    return (
        Row(
            "V1",
            "nights with a false alarm",
            world.name,
            aim.judge,
            100 * found.alarms / found.nights,
            "%",
            high=100 * high,
            target="upper bound <= 1.0 %",
            met=met(size, reached=high <= LIMIT, refuted=low > LIMIT),
            count=found.nights,
            note=parts + (NOTES.get(world.name, "") if aim.method == UNPAIRED else ""),
        ),
    )


TASKS = tuple(Task("V1", f"{aim.world.name}, {aim.judge}", partial(_run, aim)) for aim in AIMS)
