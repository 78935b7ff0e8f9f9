"""The cumulative sum over sessions: small shifts that stay are seen before one night could tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALLOWANCE = 0.5
"""k: half of the shift, in standard deviations, that is looked for (Page's rule)."""
LIMIT = 5.0
"""h: the sum that nominates; with k = 0.5, once in 930 nights without a change."""
CLIP = 3.0
"""One outlier counts for no more than this many standard deviations."""


def sums(residuals: Floats, reference_runs: int) -> Floats:
    """Return the cumulative sums after the last session; `residuals` (n, sessions), worse above 0.

    The centre they are measured from is known to one over the root of the reference runs only: that
    much is allowed for beyond k. A session that is missing (NaN) adds nothing.
    """
    allowance = ALLOWANCE + 1 / np.sqrt(max(1, reference_runs))
    total = np.zeros(residuals.shape[0])
    for column in np.clip(np.nan_to_num(residuals), -CLIP, CLIP).T:
        total = np.maximum(0.0, total + column - allowance)
    return total
