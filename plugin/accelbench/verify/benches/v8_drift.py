"""V8: a drifting or noisy machine changes neither the false alarms nor what is caught."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from accelbench.verdict.evidence import PAIRED_CODE
from accelbench.verify import draws
from accelbench.verify.bench import Row, Size, Task, met, upper
from accelbench.verify.benches.v2_sensitivity import DROPS_SIGMA, SIGMA
from accelbench.verify.nights import tally
from accelbench.verify.play import Rules, play
from accelbench.verify.power_curve import curve
from accelbench.verify.worlds import DRIFT, World

STILL = replace(DRIFT, name="drift 0 %", drift=0.0)
WORLDS = (
    STILL,
    replace(DRIFT, name="drift 2 %"),
    replace(DRIFT, name="drift 4 %", drift=0.04),
    replace(DRIFT, name="drift 2 %, noise doubled tonight", noise=2.0),
)
"""The first is what the others are compared with."""

_WHY = (
    "tonight's own noise is twice as large, and hides more from every judge: only more runs, or a "
    "wider screen, would see as much"
)
NEAR = 0.034
POINTS = 0.005
CHANGE = 0.10


def _alarms(size: Size, rng: np.random.Generator) -> tuple[Row, ...]:
    found = [tally(world, Rules(PAIRED_CODE), size.nights, rng) for world in WORLDS]
    shares = [each.alarms / each.nights for each in found]
    return tuple(
        Row(
            "V8",
            "nights with a false alarm",
            world.name,
            PAIRED_CODE,
            100 * share,
            "%",
            high=100 * upper(each.alarms, each.nights),
            target="" if world is STILL else "within 0.5 points of drift 0 %",
            met=None
            if world is STILL
            else met(size, reached=abs(share - shares[0]) <= POINTS, refuted=False),
            count=each.nights,
        )
        for world, each, share in zip(WORLDS, found, shares, strict=True)
    )


def detectable(world: World, near: float, size: Size, rng: np.random.Generator) -> float:
    """Return the smallest relative drop of a throughput that pairs catch with 90 % power."""

    def caught(drop: float) -> list[bool]:
        drawn = draws.nights(world, size.cells, rng)
        cells = replace(draws.throughputs(world, drawn, 1, rng, sigma=SIGMA), drop=drop)
        return list(play(cells, Rules(PAIRED_CODE), rng).regressed)

    return curve(caught, [share * near for share in DROPS_SIGMA]).detectable


def _detectable(size: Size, rng: np.random.Generator) -> tuple[Row, ...]:
    found = [detectable(world, NEAR * world.noise**0.7, size, rng) for world in WORLDS]
    return tuple(
        Row(
            "V8",
            "smallest throughput drop caught with 90 % power",
            world.name,
            PAIRED_CODE,
            100 * value,
            "%",
            target="" if world is STILL else "within 10 % of drift 0 %",
            met=None
            if world is STILL
            else met(size, reached=abs(value / found[0] - 1) <= CHANGE, refuted=False),
            note=f"{value / found[0] - 1:+.0%}; {_WHY}"
            if world.noise > 1
            else f"{value / found[0] - 1:+.0%}",
            count=size.cells * len(DROPS_SIGMA),
        )
        for world, value in zip(WORLDS, found, strict=True)
    )


TASKS = (
    Task("V8", "false alarms", partial(_alarms)),
    Task("V8", "smallest drop", partial(_detectable)),
)
