"""mlperf_rcp: the reference convergence point checker of MLPerf training, at 0.05, one-sided.

Both sides' means are olympic: the best and the worst run are left out. The limit is where a pooled
t-test would have p = 0.05 if the new runs had the reference's spread; their own never enters. That
spread is taken over all reference runs with ddof 0, but counted as of the trimmed number of runs.
Where nothing changed it alarms on 3.5 % of normal samples of 10 and 5 runs. Rule versions up to 3.0
took the spread after trimming, which is smaller: 9.4 %.

The checker looks for convergence that is too fast, in epochs. Which side is looked at is the
caller's choice here: values are such that lower alarms, so epochs themselves ask its own question,
and a throughput asks whether it fell.
"""

from __future__ import annotations

import math

import numpy as np

from accelbench.peers.rule import Floats, Rule, surprise

ALPHA = 0.05
TRIMMED = 1
"""Runs left out at either end (4 for unet3d, which makes 40 runs)."""


def olympic_mean(values: Floats, trimmed: int = TRIMMED) -> Floats:
    """Return the mean (n,) of each row without so many of its best and of its worst values."""
    return np.asarray(np.sort(values, axis=1)[:, trimmed:-trimmed].mean(axis=1))


def score(new: Floats, stored: Floats) -> Floats:
    """Return -log10 p of the trimmed new mean lying below the trimmed stored one."""
    return surprise(p_lower(new, stored))


def p_lower(new: Floats, stored: Floats, trimmed: int = TRIMMED) -> Floats:
    """Return the one-sided p (n,) that the rule compares with 0.05; NaN where nothing differs."""
    from scipy.stats import ttest_ind_from_stats

    spread = stored.std(axis=1, ddof=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = ttest_ind_from_stats(
            olympic_mean(new, trimmed),
            spread,
            new.shape[1] - 2 * trimmed,
            olympic_mean(stored, trimmed),
            spread,
            stored.shape[1] - 2 * trimmed,
            equal_var=True,
            alternative="less",
        )
    return np.asarray(result.pvalue, dtype=float)


def limit(stored: Floats, runs: int, trimmed: int = TRIMMED) -> Floats:
    """Return the lowest trimmed mean (n,) of so many new runs that passes: the closed form.

    mean - t(0.95, a + b - 2) s sqrt(1/a + 1/b), for a stored and b new runs after trimming.
    """
    from scipy.stats import t

    kept, fresh = stored.shape[1] - 2 * trimmed, runs - 2 * trimmed
    quantile = float(t.ppf(1 - ALPHA, kept + fresh - 2))
    reach = quantile * math.sqrt(1 / kept + 1 / fresh) * stored.std(axis=1, ddof=0)
    return np.asarray(olympic_mean(stored, trimmed) - reach)


RULE = Rule(
    "mlperf_rcp", "mlcommons/logging, rcp_checker.py (5.0)", 5, 10, -math.log10(ALPHA), score
)
