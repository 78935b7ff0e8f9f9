"""The control workload's speed at the time of a run, from its own runs around the cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from accelbench.verdict.scale import LARGEST_POINT


def control_at(times: Sequence[float], values: Sequence[float], time: float) -> float | None:
    """Return the control's throughput at a time, from the control's runs of a session.

    A straight line through their logarithms by Theil and Sen: a machine that slows down through the
    night is followed, and one outlier is not. Their median where there are fewer than three, or all
    at one time; None without any. `times` in seconds, `values` in samples/s, in any order; what is
    not finite does not count.
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
        return math.exp(median(v for _, v in known))
    line = theilslopes([v for _, v in known], [t for t, _ in known])
    found = float(line.intercept) + float(line.slope) * time
    # Far from all its runs a line says nothing: beyond all numbers, nothing at all.
    return math.exp(found) if abs(found) < LARGEST_POINT else None
