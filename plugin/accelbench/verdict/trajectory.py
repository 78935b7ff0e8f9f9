"""The early trajectory: the first losses under one fixed seed, compared with stored ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

EXACT = "exact"
SAME = "same"
CHANGED = "changed"
UNKNOWN = ""
"""Nothing to compare with: no stored trajectory of an equal stack."""

MOST_REPEATS = 20.0
"""A difference of so many repeat noises still counts as the same."""

LEAST_NOISE = 1e-6
"""Repeat noise is taken as at least this, relative to the loss: float32 in another order."""


@dataclass(frozen=True)
class Trajectory:
    """What the comparison says.

    `step` (from 1) is the first one that differs, `ratio` the largest difference in repeat noises.
    """

    status: str = UNKNOWN
    step: int | None = None
    ratio: float = 0.0


def compare(
    losses: Sequence[float], stored: Sequence[float], repeats: Sequence[Sequence[float]] = ()
) -> Trajectory:
    """Compare the losses of steps 1 to 32 under the fixed seed with stored ones of an equal stack.

    `repeats`: further stored trajectories of the same seed, whose spread is the repeat noise (at
    most one part in a million without any). A trajectory that ends early differs where it ends.
    """
    if not losses or not stored:
        return Trajectory()
    if _equal(losses, stored):
        return Trajectory(EXACT)
    steps = min(len(losses), len(stored))
    ratios = [
        _ratio(losses[i], stored[i], _noise(stored[i], [r[i] for r in repeats if i < len(r)]))
        for i in range(steps)
    ]
    changed = [i for i, ratio in enumerate(ratios) if not ratio < MOST_REPEATS]
    if changed:
        return Trajectory(CHANGED, changed[0] + 1, max(ratios))
    if len(losses) != len(stored):
        return Trajectory(CHANGED, steps + 1, math.inf)
    first = next(i for i in range(steps) if not _equal(losses[i : i + 1], stored[i : i + 1]))
    return Trajectory(SAME, first + 1, max(ratios))


def _equal(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Tell whether two sequences are the same bits; a NaN equals a NaN."""
    return [float(x).hex() for x in ours] == [float(x).hex() for x in theirs]


def _noise(stored: float, repeated: Sequence[float]) -> float:
    seen = [abs(each - stored) for each in repeated if math.isfinite(each - stored)]
    return max([*seen, LEAST_NOISE * abs(stored), 1e-300])


def _ratio(ours: float, theirs: float, noise: float) -> float:
    if _equal([ours], [theirs]):
        return 0.0
    difference = abs(ours - theirs)
    return difference / noise if math.isfinite(difference) else math.inf
