"""Whether two devices agree: equivalent final values, and early losses within a band."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelbench.records import TRAJECTORY_STEPS
from accelbench.verdict import paired

EQUIVALENT = "equivalent"
DIFFERENT = "different"
UNDECIDED = "undecided"

LEVEL = 0.05
"""The rate at which devices that differ by the margin are called equivalent: of each study, over
all its looks."""

MOST_PAIRS = 1000
"""More pairs than this are never asked for."""

YARDSTICK = 0.05
"""The error of the learning rate, relatively, whose effect on the losses is the band's measure."""

LIMIT = 0.5
"""Losses may differ by this share of the yardstick's effect. Measured over 3 seeds, steps 1 to 32:
float32 in another order (threads, memory format, two halves of a batch, float64, an H200) reaches
0.016, that H200's TF32 convolutions 0.05 to 1.0, a learning rate 5 % off 1.0 and more, a missing
normalisation 17 and more."""

LEAST_BAND = 2e-5
"""The yardstick's effect is taken as at least this, relative to the loss: at the first step, where
weights are equal, it has none, and a forward pass in TF32 is off by 5e-6."""


@dataclass(frozen=True)
class Equivalence:
    """What two one-sided tests say of a mean difference.

    `interval` is Student's at the level 1 - 2 x the rate: within the margin, the values are
    equivalent; wholly beyond it, different. `more`: how many more pairs would decide, if they
    scatter as these; None where no number would.
    """

    status: str
    difference: float
    interval: tuple[float, float]
    margin: float
    pairs: int
    more: int | None = None


def equivalence(
    differences: Sequence[float],
    margin: float,
    *,
    level: float = LEVEL,
    resolution: float = 0.0,
) -> Equivalence:
    """Test whether paired values differ by less than a margin in the mean.

    Two one-sided t tests (Schuirmann 1987), each at `level`: true means that differ by the margin
    or more are called equivalent that often, at most. `resolution`: the values' smallest step.
    ValueError where the margin is no positive number or a difference is not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not margin > 0:
        raise ValueError(f"the margin must be a number above 0, not {margin!r}")
    if not np.isfinite(values).all():
        raise ValueError("all values that are compared must be finite")
    middle = float(np.mean(values)) if len(values) else math.nan
    low, high = paired.interval(values, 1 - 2 * level, resolution)
    status = UNDECIDED
    if -margin < low and high < margin:
        status = EQUIVALENT
    elif low > margin or high < -margin:
        status = DIFFERENT
    found = Equivalence(status, middle, (low, high), margin, len(values))
    if status != UNDECIDED:
        return found
    spread = paired.spread(values, resolution)
    return Equivalence(
        status, middle, (low, high), margin, len(values), _more(found, spread, level)
    )


def _more(found: Equivalence, spread: float, level: float) -> int | None:
    """Return how many more pairs bring the interval to one side of the margin."""
    if found.pairs < 2:
        return 2 - found.pairs
    room = abs(found.margin - abs(found.difference))

    def decides(count: int) -> bool:
        return paired.quantile(1 - 2 * level, count) * spread / math.sqrt(count) < room

    # The interval narrows with every pair.
    enough = bisect_left(range(MOST_PAIRS + 1), x=True, lo=found.pairs + 1, key=decides)
    return enough - found.pairs if enough <= MOST_PAIRS else None


@dataclass(frozen=True)
class Course:
    """What the early losses say: `within` the band, or not; None where the band sees nothing.

    `ratio`: the largest difference in parts of the yardstick's effect, at `step` (from 1).
    """

    within: bool | None
    ratio: float = 0.0
    step: int = 0


Losses = Sequence[Sequence[float]]


def course(ours: Losses, reference: Losses, yardstick: Losses) -> Course:
    """Compare the losses of steps 1 to 32, per seed, with those of the reference device.

    `yardstick`: the reference device's with the learning rate `YARDSTICK` higher. A fixed band
    would be wrong somewhere: rounding grows a thousandfold in 32 steps of one workload and not at
    all in another, and what a 5 % error does to the loss differs as much. Here both grow alike.
    Differences are averaged over seeds, since single ones pass through zero; the band at a step is
    the largest effect up to it, for the same reason. A trajectory that ends early, or is not
    finite, is outside where it ends.
    """
    sides = (ours, reference, yardstick)
    if not ours or len({len(side) for side in sides}) != 1:
        raise ValueError("the three trajectories must be of the same seeds, at least one")
    steps = min(TRAJECTORY_STEPS, *(len(losses) for side in sides for losses in side))
    here, there, moved = (np.array([losses[:steps] for losses in side]) for side in sides)
    broken = ~np.isfinite(here).all(axis=0)
    if broken.any():
        return Course(within=False, ratio=math.inf, step=int(np.argmax(broken)) + 1)
    if any(len(a) != len(b) and min(len(a), len(b)) == steps for a, b in _pairs(ours, reference)):
        return Course(within=False, ratio=math.inf, step=steps + 1)
    return _compared(here, there, moved)


def _pairs(ours: Losses, reference: Losses) -> list[tuple[Sequence[float], Sequence[float]]]:
    cut = TRAJECTORY_STEPS
    return [(a[:cut], b[:cut]) for a, b in zip(ours, reference, strict=True)]


def _compared(here: paired.Floats, there: paired.Floats, moved: paired.Floats) -> Course:
    """Compare three arrays (seeds, steps)."""
    least = LEAST_BAND * np.abs(there).mean(axis=0)
    effect = np.maximum.accumulate(np.abs(moved - there).mean(axis=0))
    ratios = np.abs(here - there).mean(axis=0) / np.maximum(effect, least)
    worst = int(np.argmax(ratios))
    ratio = float(ratios[worst])
    if ratio < LIMIT and not (effect > least).any():
        return Course(within=None, ratio=ratio, step=worst + 1)
    return Course(within=ratio < LIMIT, ratio=ratio, step=worst + 1)
