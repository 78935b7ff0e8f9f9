"""V1: nights of 50 unchanged metrics that raise a false alarm, the headline *machine* included."""

from __future__ import annotations

from functools import partial

import numpy as np

from accelbench.verdict.evidence import PAIRED_CODE, UNPAIRED
from accelbench.verify.bench import Row, Size, Task, lower, met, upper
from accelbench.verify.nights import tally
from accelbench.verify.play import Rules
from accelbench.verify.worlds import WORLDS, World

LIMIT = 0.010
"""The night's rate that is promised."""


def _run(world: World, method: str, size: Size, rng: np.random.Generator) -> tuple[Row, ...]:
    found = tally(world, Rules(method), size.nights, rng)
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
            method,
            100 * found.alarms / found.nights,
            "%",
            high=100 * high,
            target="upper bound <= 1.0 %",
            met=met(size, reached=high <= LIMIT, refuted=low > LIMIT),
            count=found.nights,
            note=parts,
        ),
    )


TASKS = tuple(
    Task("V1", f"{world.name}, {method}", partial(_run, world, method))
    for method in (PAIRED_CODE, UNPAIRED)
    for world in WORLDS
)
