"""A headline, not a verdict: the whole machine, or the whole stack, is slower tonight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COUNT_LEVEL = 0.001
SIGN_LEVEL = 0.0001
"""Each condition holds by chance in so many nights at most."""


def slower(p_worse: Floats, p_unadjusted: Floats, screen: float) -> bool:
    """Tell whether the suspicions of a night point at the machine rather than at single metrics.

    `p_worse`, `p_unadjusted` (metrics,): the screen's p-values with and without the control's
    adjustment. A metric counts where both suspect it: drift moves the one, an error of the control
    the other. Then two things must hold: more are worse than chance would suspect (the upper 99.9 %
    quantile of the binomial), and worse outweighs better (sign test at 0.01 %), for a noisy night
    raises both alike.
    """
    from scipy.stats import binom, binomtest

    worse = int(np.sum(np.maximum(p_worse, p_unadjusted) < screen))
    better = int(np.sum(np.minimum(p_worse, p_unadjusted) > 1 - screen))
    if worse <= binom.ppf(1 - COUNT_LEVEL, len(p_worse), screen):
        return False
    return bool(binomtest(worse, worse + better, 0.5, alternative="greater").pvalue < SIGN_LEVEL)
