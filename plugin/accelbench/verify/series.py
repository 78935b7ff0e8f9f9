"""Several nights in a row: what was not caught becomes history, as it does in earnest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from accelbench.verdict import Point
from accelbench.verify.draws import (
    AUTOCORRELATION,
    Accuracies,
    Floats,
    Nights,
    Throughputs,
    outliers,
)
from accelbench.verify.play import Cells, Rules, play
from accelbench.verify.worlds import CONTROL_RUNS, CONTROL_SIGMA, TRIALS, World


def caught_within(
    cells: Cells, nights: int, rules: Rules, rng: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Play cells for so many nights; return which (n,) regressed on any of them."""
    caught = np.zeros(len(cells.night), dtype=bool)
    for night in range(nights):
        played = play(cells, rules, rng)
        caught |= played.regressed
        if night < nights - 1:
            cells = _next_night(cells, played.firsts, rng)
    return caught


def _next_night(cells: Cells, firsts: Sequence[Point], rng: np.random.Generator) -> Cells:
    world = replace(cells.world, history=cells.world.history + 1)
    if isinstance(cells, Accuracies):
        correct = [round(p.reading.value * TRIALS) for p in firsts]
        return replace(cells, world=world, correct=np.column_stack([cells.correct, correct]))
    values = np.log([p.reading.value for p in firsts])
    controls = np.log([p.control or math.nan for p in firsts])
    drawn = _another(cells.world, cells.nights, rng)
    return replace(
        cells,
        world=world,
        nights=drawn,
        effect=rng.normal(0, world.night, len(cells.night)),
        place=rng.random(len(cells.night)),
        stored=np.column_stack([cells.stored, values]),
        controls=np.column_stack([cells.controls, controls]),
    )


def _another(world: World, drawn: Nights, rng: np.random.Generator) -> Nights:
    """Draw the machine of the night after; on one unit, for what a unit does stays with it."""
    count = len(drawn.machine)
    innovation = world.drift * math.sqrt(1 - AUTOCORRELATION**2) * rng.normal(0, 1, count)
    tonight = AUTOCORRELATION * drawn.machine[:, -1] + innovation
    noise = rng.normal(0, CONTROL_SIGMA * world.noise, (count, CONTROL_RUNS))
    noise += outliers(world, noise.shape, rng)
    values: Floats = tonight[:, None] - world.trend * drawn.control_times + noise
    return replace(
        drawn,
        machine=np.column_stack([drawn.machine, tonight]),
        units=np.column_stack([drawn.units, drawn.units[:, -1]]),
        control_values=values,
    )


__all__ = ["Throughputs", "caught_within"]
