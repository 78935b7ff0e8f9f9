"""Floors: absolute limits that a workload must keep, whatever its baseline says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accelbench.records import Floor, Verdict
from accelbench.verdict import statuses
from accelbench.verdict.evidence import Point

if TYPE_CHECKING:
    from accelbench.metrics import Metric

RUNS = 4
BROKEN = 3
"""A soft floor fails when three of the first four runs break it: one run may have collapsed."""


def broken(metric: Metric, floor: Floor | None, point: Point) -> bool:
    """Tell whether a run is on the wrong side of a floor; one that is censored may be."""
    if floor is None:
        return False
    return metric.worse * (point.reading.value - floor.limit) > 0


def failed(metric: Metric, floor: Floor, points: Sequence[Point]) -> Verdict:
    """Return the verdict on a broken floor."""
    value = points[0].reading.value
    side = "above" if metric.worse > 0 else "below"
    runs = "" if floor.strict else f" in {len(points)} of the first {RUNS} runs"
    message = f"{metric.name} is {value:.5g}, {side} its floor of {floor.limit:.5g}{runs}"
    return Verdict(metric.name, statuses.FAILED, value, bound=floor.limit, message=message)
