"""student_t: one run against the stored ones, Student's t at 0.05, one-sided.

t = (mean - x) / (s sqrt(1 + 1/K)) with K - 1 degrees of freedom, as two-sample t with one new run.
"""

from __future__ import annotations

import math

import numpy as np

from accelbench.peers.rule import Floats, Rule, surprise


def score(new: Floats, stored: Floats) -> Floats:
    """Return -log10 p of the newest run being lower, by equal variances."""
    from scipy.stats import ttest_ind_from_stats

    count = stored.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        result = ttest_ind_from_stats(
            new[:, -1],
            0.0,
            1,
            stored.mean(axis=1),
            stored.std(axis=1, ddof=1),
            count,
            equal_var=True,
            alternative="less",
        )
    return surprise(np.asarray(result.pvalue, dtype=float))


RULE = Rule("student_t", "scipy.stats.ttest_ind_from_stats", 1, 2, -math.log10(0.05), score)
