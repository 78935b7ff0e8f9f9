"""Where the warm-up ends: the MSER-5 rule on step times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np

BATCH = 5
"""Steps a batch; the 5 of MSER-5 (White, Cobb and Spratt 2000)."""

LEAST_STEADY_STEPS = 100
"""With fewer steady steps a run states no steady state."""


@dataclass(frozen=True)
class Cut:
    """The first `steps` steps are warm-up; `steady` says whether a steady state followed."""

    steps: int
    steady: bool


def mser5(step_seconds: Sequence[float]) -> Cut:
    """Return the truncation that minimises the marginal standard error of the batch means.

    With b the means of batches of 5 steps and n their number, the cut is the d in 0 .. n/2 with
    the least var(b[d:]) / (n - d). A cut in the last tenth of that range means that the series
    never settled: not steady.
    """
    count = len(step_seconds) // BATCH
    if count == 0:
        return Cut(steps=0, steady=False)
    means = np.asarray(step_seconds[: count * BATCH], dtype=np.float64).reshape(count, BATCH)
    batches = means.mean(axis=1)
    batches = batches - batches.mean()  # keeps the sums of squares below well conditioned
    left = np.arange(count, 0, -1)
    total = np.cumsum(batches[::-1])[::-1]
    squares = np.cumsum((batches**2)[::-1])[::-1]
    allowed = count // 2
    variance = np.maximum(squares / left - (total / left) ** 2, 0.0)
    cut = int(np.argmin((variance / left)[: allowed + 1]))
    settled = cut < 0.9 * allowed
    steady_steps = len(step_seconds) - cut * BATCH
    return Cut(steps=cut * BATCH, steady=settled and steady_steps >= LEAST_STEADY_STEPS)
