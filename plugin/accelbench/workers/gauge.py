"""What an energy gauge is: something that tells the joules of one window after another."""

from __future__ import annotations

# Python 3.8 and later: typing's own.
from typing import Protocol


class UnmeasuredError(Exception):
    """A gauge cannot measure; one line says why."""


class Gauge(Protocol):
    """A gauge of energy: `begin` and `end` surround a window, `finish` comes last.

    Each raises UnmeasuredError where the device does not tell any more. `update_seconds`: how often
    what it reads moves, known for certain after `finish`.
    """

    source: str
    update_seconds: float

    def begin(self) -> None:
        """Begin a window."""
        ...

    def end(self) -> float:
        """End the window; return its energy in J."""
        ...

    def finish(self) -> None:
        """Let go of what it holds."""
        ...
