"""The screen: the Student-t prediction bound of one run, for many metrics at once.

It may be liberal, for it only nominates; fresh runs decide. All functions take points of a metric's
scale, one metric a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OUTLIER = 5.0
"""Stored values so many robust standard deviations from their median are left out (Hampel)."""

SLOPE_LIMIT = 1.5
LEAST_NIGHTS_FOR_A_SLOPE = 10
"""With fewer nights the metric is taken to follow the control one to one."""


@dataclass(frozen=True)
class Stored:
    """Stored points (n, runs), NaN where there is none, with the control's (same shape) if any.

    `nights`: in how many sessions they were recorded.
    """

    values: Floats
    controls: Floats | None = None
    nights: int = LEAST_NIGHTS_FOR_A_SLOPE


@dataclass(frozen=True)
class Bound:
    """What a row's stored points predict: `centre` (n,), `spread` (n,), `count` (n,)."""

    centre: Floats
    spread: Floats
    count: Floats


def adjusted(stored: Stored, values: Floats, controls: Floats | None) -> tuple[Floats, Floats]:
    """Return stored and new values as they would have been on a night with the usual control.

    x' = x - slope (c - mean c), the slope by least squares over the stored nights, within 0 and 1.5
    (control variates; CUPED). `values` (n,) or (n, m), `controls` of the same shape.
    """
    if stored.controls is None or controls is None:
        return stored.values, values
    kept = without_outliers(stored.values)
    known = np.isfinite(kept) & np.isfinite(stored.controls)
    count = np.maximum(known.sum(axis=1), 1)
    mean_c = np.where(known, stored.controls, 0.0).sum(axis=1) / count
    mean_x = np.where(known, kept, 0.0).sum(axis=1) / count
    off_c = np.where(known, stored.controls - mean_c[:, None], 0.0)
    off_x = np.where(known, kept - mean_x[:, None], 0.0)
    slope = np.ones(len(count))
    if stored.nights >= LEAST_NIGHTS_FOR_A_SLOPE:
        variance = (off_c**2).sum(axis=1)
        enough = variance > 0
        slope = np.where(enough, (off_c * off_x).sum(axis=1) / np.where(enough, variance, 1.0), 0.0)
        slope = np.clip(slope, 0.0, SLOPE_LIMIT)
    past = stored.values - slope[:, None] * np.nan_to_num(stored.controls - mean_c[:, None])
    column = (slice(None),) + (None,) * (values.ndim - 1)
    return past, values - slope[column] * np.nan_to_num(controls - mean_c[column])


def without_outliers(values: Floats) -> Floats:
    """Return the values (n, runs) with NaN in place of those far from their row's median."""
    centre = _medians(values)
    spread = 1.4826 * _medians(np.abs(values - centre))
    far = (np.abs(values - centre) > OUTLIER * spread) & (spread > 0)
    return np.where(far, np.nan, values)


def _medians(values: Floats) -> Floats:
    """Return each row's median (n, 1) of what is a number; NaN where nothing is.

    numpy's own nanmedian masks row by row: ten times as slow for the one row that a verdict has.
    """
    if not values.shape[1]:
        return np.full((len(values), 1), np.nan)
    ordered = np.sort(values, axis=1)  # NaN last
    count = np.sum(~np.isnan(ordered), axis=1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=1)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[1] - 1), axis=1)
    return (low + high) / 2


def predicted(past: Floats, resolution: Floats) -> Bound:
    """Return what stored (adjusted) values predict; `resolution` (n,) is the least spread."""
    kept = without_outliers(past)
    known = np.isfinite(kept)
    count = known.sum(axis=1).astype(float)
    centre = np.where(known, kept, 0.0).sum(axis=1) / np.maximum(count, 1)
    squares = np.where(known, kept - centre[:, None], 0.0) ** 2
    spread = np.sqrt(squares.sum(axis=1) / np.maximum(count - 1, 1))
    return Bound(centre, np.maximum(spread, resolution), count)


def p_values(values: Floats, bound: Bound, worse: float) -> Floats:
    """Return the one-sided p (n,) of one new run each against the stored ones, equal variances.

    With one new run the two-sample t-test from statistics is the Student-t prediction bound:
    t = (x - mean) / (s sqrt(1 + 1/K)), K - 1 degrees of freedom. 1 where fewer than two are stored.
    """
    from scipy.stats import ttest_ind_from_stats

    zeros, ones = np.zeros_like(values), np.ones(values.shape, dtype=np.int64)
    result = ttest_ind_from_stats(
        worse * values,
        zeros,
        ones,
        worse * bound.centre,
        bound.spread,
        np.maximum(bound.count, 2).astype(np.int64),
        equal_var=True,
        alternative="greater",
    )
    return np.where(bound.count < 2, 1.0, np.asarray(result.pvalue, dtype=float))


def reach(bound: Bound, level: float) -> Floats:
    """Return how far from the centre the prediction bound of a level lies (n,)."""
    from scipy.stats import t

    quantile = np.asarray(t.ppf(1 - level, bound.count - 1), dtype=float)
    return quantile * bound.spread * np.sqrt(1 + 1 / np.maximum(bound.count, 1))
