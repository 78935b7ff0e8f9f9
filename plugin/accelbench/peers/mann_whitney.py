"""mann_whitney: five runs against the stored ones, Mann-Whitney's U at 0.05, one-sided.

Exact without ties (five new runs are few enough for scipy to choose so); with ties scipy's normal
approximation, corrected for them: what a caller who leaves `method` alone gets, metric by metric.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from accelbench.peers.rule import Flags, Floats, Rule, surprise


def score(new: Floats, stored: Floats) -> Floats:
    """Return -log10 p of the new runs being shifted below the stored ones."""
    p_values = np.ones(len(new))
    tied = _tied(np.concatenate([new, stored], axis=1))
    if not tied.all():
        p_values[~tied] = _p_lower(new[~tied], stored[~tied], "exact")
    if tied.any():
        p_values[tied] = _p_lower(new[tied], stored[tied], "asymptotic")
    return surprise(p_values)


def _p_lower(new: Floats, stored: Floats, method: Literal["exact", "asymptotic"]) -> Floats:
    from scipy.stats import mannwhitneyu

    with np.errstate(divide="ignore", invalid="ignore"):  # all values equal: no p-value
        result = mannwhitneyu(new, stored, alternative="less", axis=1, method=method)
    return np.asarray(result.pvalue, dtype=float)


def _tied(values: Floats) -> Flags:
    """Tell which rows hold a value twice."""
    ordered = np.sort(values, axis=1)
    return np.asarray((np.diff(ordered, axis=1) == 0).any(axis=1))


RULE = Rule("mann_whitney", "scipy.stats.mannwhitneyu", 5, 2, -math.log10(0.05), score)
