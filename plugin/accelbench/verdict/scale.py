"""The scales on which the noise of a metric is even, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from accelbench.records import Reading

SMALLEST_LOG = 1e-12
"""The resolution of a quantity on the log scale: anything smaller counts as this."""


@dataclass(frozen=True)
class Scale:
    """`forward` maps a reading to the scale, `back` a point of the scale to the metric's unit.

    `resolution(reading)` is the smallest step that the reading can make there.
    """

    forward: Callable[[Reading], float]
    back: Callable[[float], float]
    resolution: Callable[[Reading], float]


RESOLUTION_LOG = 1e-6
"""What two equal quantities may differ by, relatively: a rounding to float32 costs 6e-8, and a sum
over a test set, in another order, gathers ten of them."""

LARGEST_POINT = 700.0
"""Beyond it the exponential overflows; a bound that far away is as good as none."""


def _back_from_log(point: float) -> float:
    return math.exp(min(point, LARGEST_POINT))


def _counts(reading: Reading) -> tuple[float, int]:
    """Return k and n of an accuracy; without n, a fraction is taken as of a million."""
    trials = reading.trials or 1_000_000
    return min(max(reading.value, 0.0), 1.0) * trials, trials


def logit(trials: int) -> Scale:
    """Return the scale of a fraction k of n: logit of (k + 1/2) / (n + 1)."""

    def forward(reading: Reading) -> float:
        correct, count = _counts(reading)
        return math.log((correct + 0.5) / (count - correct + 0.5))

    def back(point: float) -> float:
        share = 1 / (1 + _back_from_log(-point))
        return min(1.0, max(0.0, (share * (trials + 1) - 0.5) / trials))

    def resolution(reading: Reading) -> float:
        correct, count = _counts(reading)
        wrong = max(count - correct, 1.0)
        # Of one answer more, without the difference of two nearly equal numbers.
        return math.log1p(1 / (count - wrong + 0.5)) + math.log1p(1 / (wrong - 0.5))

    return Scale(forward, back, resolution)


LOG = Scale(
    forward=lambda reading: math.log(max(reading.value, SMALLEST_LOG)),
    back=_back_from_log,
    resolution=lambda _reading: RESOLUTION_LOG,
)


def scale_of(name: str, reading: Reading) -> Scale:
    """Return the scale of a metric by its name, for readings with as many trials."""
    return LOG if name == "log" else logit(reading.trials or 1_000_000)
