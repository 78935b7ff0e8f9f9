"""What a way to confirm answers."""

from __future__ import annotations

from dataclasses import dataclass

from accelbench.records import More

REJECTED = "rejected"
"""The fresh runs are worse, at the suspicion's share of the night's rate."""
CLEARED = "cleared"
"""The fresh runs do not support the suspicion: stopped early, or nothing left to doubt."""
SPENT = "spent"
"""All runs are made, and neither is shown."""
WAITING = "waiting"
"""More runs are needed."""


@dataclass(frozen=True)
class Decision:
    """`shift` and `interval` on the metric's scale, worse above 0; `runs`: the fresh ones used."""

    answer: str
    judge: str
    p_value: float | None = None
    alpha: float | None = None
    shift: float | None = None
    interval: tuple[float, float] | None = None
    runs: int = 0
    more: More | None = None
    cause: str = ""
