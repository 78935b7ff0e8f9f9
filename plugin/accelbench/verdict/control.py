"""The control workload's speed at the time of a run, from its own runs around the cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from accelbench.verdict.scale import LARGEST_POINT


def control_at(times: Sequence[float], values: Sequence[float], time: float) -> float | None:
    """Return the control's throughput at a time, from the control's runs of a session.

    On `control_line`. None without runs, and far from all of them, where a line says nothing.
    """
    line = control_line(times, values)
    if line is None:
        return None
    found = line[0] + line[1] * time
    return math.exp(found) if abs(found) < LARGEST_POINT else None


def control_line(times: Sequence[float], values: Sequence[float]) -> tuple[float, float] | None:
    """Return intercept and slope of the logarithm of the control's throughput over time.

    A straight line by Theil and Sen: a machine that slows down through the night is followed, and
    one outlier is not. Flat through their median where there are fewer than three, or all at one
    time; None without any. `times` in seconds, `values` in samples/s, in any order; what is not
    finite does not count.
    """
    from scipy.stats import theilslopes

    known = [
        (t, math.log(v))
        for t, v in zip(times, values, strict=True)
        if math.isfinite(t) and 0 < v < math.inf
    ]
    if not known:
        return None
    if len(known) < 3 or len({t for t, _ in known}) < 2:
        return median(v for _, v in known), 0.0
    line = theilslopes([v for _, v in known], [t for t, _ in known])
    return float(line.intercept), float(line.slope)
