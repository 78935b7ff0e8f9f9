"""What nominates a metric for confirmation; any hint may, for only fresh runs decide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelbench.verdict import cusum, screen
from accelbench.verdict.screen import Bound, Floats, Stored

BY_SCREEN = "screen"
BY_CUSUM = "cusum"
BY_COLLAPSE = "collapse"
BY_FLOOR = "floor"
BY_TRAJECTORY = "early trajectory"
BY_CENSORING = "target not reached"


def by_trajectory(step: int | None) -> str:
    """Return the suspicion that the early losses raise, with the first step that differs."""
    return BY_TRAJECTORY if step is None else f"{BY_TRAJECTORY} from step {step} on"


@dataclass(frozen=True)
class Screened:
    """For each metric (n,): one-sided p for worse and for better, the cumulative sum, the bound."""

    p_worse: Floats
    p_better: Floats
    cusum: Floats
    bound: Bound

    def suspects(self, level: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Tell which metrics (n,) a screen of this level nominates, or their sum over sessions."""
        return (self.p_worse < level) | (self.cusum > cusum.LIMIT)


def screened(
    values: Floats,
    controls: Floats | None,
    stored: Stored,
    history: int,
    resolution: Floats,
) -> Screened:
    """Screen one new run each (n,) against stored ones, worse is larger.

    The last `history` columns of `stored` are sessions after the reference, in the order of time.
    """
    past, adjusted = screen.adjusted(stored, values, controls)
    bound = screen.predicted(past, resolution)
    return Screened(
        screen.p_values(adjusted, bound, worse=1.0),
        screen.p_values(adjusted, bound, worse=-1.0),
        _cumulated(past, adjusted, history, bound),
        bound,
    )


def _cumulated(past: Floats, tonight: Floats, history: int, bound: Bound) -> Floats:
    columns = past.shape[1]
    if history in {0, columns}:
        return np.zeros(len(tonight))
    reference = screen.without_outliers(past[:, : columns - history])
    known = np.isfinite(reference)
    count = known.sum(axis=1)
    centre = np.where(known, reference, 0.0).sum(axis=1) / np.maximum(count, 1)
    nights = np.column_stack([past[:, columns - history :], tonight])
    residuals = (nights - centre[:, None]) / bound.spread[:, None]
    return np.where(count > 0, cusum.sums(residuals, columns - history), 0.0)
