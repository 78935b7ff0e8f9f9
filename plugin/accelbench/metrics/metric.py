"""What a metric is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from accelbench.records import Reading, Run


@dataclass(frozen=True)
class Metric:
    """A number read from a run.

    `scope`: portable metrics compare over machines, device metrics on one device model only.
    `scale`: the scale on which its noise is even. `read` gives None where a run has no such number.
    `smallest_effect`: the smallest change worth a person's time, in points of a fraction, else
    relative; a pass that could not have seen it is `blind`.
    """

    name: str
    unit: str
    direction: Literal["higher", "lower"]
    scope: Literal["portable", "device"]
    scale: Literal["log", "logit"]
    read: Callable[[Run], Reading | None]
    smallest_effect: float = 0.05

    @property
    def timed(self) -> bool:
        """Whether the machine's speed of the night moves it, so that a control can adjust it."""
        return self.unit in {"s", "samples/s"}

    @property
    def worse(self) -> float:
        """The sign of a change for the worse: 1 where more is worse, else -1."""
        return -1.0 if self.direction == "higher" else 1.0
