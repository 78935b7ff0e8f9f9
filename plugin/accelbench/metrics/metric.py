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
    """

    name: str
    unit: str
    direction: Literal["higher", "lower"]
    scope: Literal["portable", "device"]
    scale: Literal["log", "logit"]
    read: Callable[[Run], Reading | None]
