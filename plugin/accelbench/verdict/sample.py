"""Points of data as arrays on a metric's scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from accelbench.verdict.evidence import Point
from accelbench.verdict.scale import Scale

if TYPE_CHECKING:
    from accelbench.metrics import Metric

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Points (runs,) on the metric's scale, turned so that worse is larger; controls alike.

    A control that is not known is NaN.
    """

    values: Floats
    controls: Floats
    sessions: tuple[str, ...]
    units: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.values)

    @property
    def nights(self) -> int:
        """In how many sessions they were recorded."""
        return len(set(self.sessions))

    def where(self, chosen: Sequence[bool]) -> Sample:
        """Return the chosen runs alone."""
        mask = np.array(chosen, dtype=bool)
        return Sample(
            self.values[mask],
            self.controls[mask],
            tuple(x for x, keep in zip(self.sessions, chosen, strict=True) if keep),
            tuple(x for x, keep in zip(self.units, chosen, strict=True) if keep),
        )

    def of_units(self, units: frozenset[str]) -> Sample:
        """Return the runs on some units alone."""
        return self.where([unit in units for unit in self.units])


def sample(metric: Metric, scale: Scale, points: Sequence[Point]) -> Sample:
    """Return points as a sample, in the order of their time: a verdict knows no other order.

    Slower is worse for the control too: its throughput counts with its sign turned.
    """
    ordered = sorted(points, key=_place)
    return Sample(
        np.array([metric.worse * scale.forward(p.reading) for p in ordered], dtype=float),
        np.array([_control(metric, p.control) for p in ordered], dtype=float),
        tuple(p.session for p in ordered),
        tuple(p.unit for p in ordered),
    )


def _place(point: Point) -> tuple[object, ...]:
    """Return what a point is sorted by; equal for points that are the same in every respect."""
    reading, control = point.reading, point.control
    trials = reading.trials or 0
    known = control is not None and not math.isnan(control)
    place = (point.time, point.session, reading.value, point.unit, point.pair, trials)
    return (*place, known, control if known else 0.0)


def _control(metric: Metric, control: float | None) -> float:
    if control is None or not metric.timed or not math.isfinite(control) or control <= 0:
        return math.nan
    return -math.log(control)
