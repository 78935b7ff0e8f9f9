"""Live progress: one line below the cursor on a terminal, nothing elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from accelbench.lease import Holder
    from accelbench.progress import Listener, Progress

LEAST_SECONDS = 0.2
"""Between two paintings of the line."""

# Below the cursor, which stands behind pytest's own dots: make room, save, paint, restore.
_PAINT = "\x1bD\x1b[1A\x1b7\x1b[1B\r\x1b[K{}\x1b8"
_CLEAR = "\x1b7\x1b[1B\r\x1b[K\x1b8"


def listener(reporter: Any, capture: Any) -> Listener:  # noqa: ANN401  # pytest's own plugins, by name
    """Return what listens to a run: a live line where pytest writes to a terminal, else nothing."""
    pause = capture.global_and_fixture_disabled if capture is not None else nullcontext
    if reporter is None or not getattr(reporter, "isatty", False):
        return Quiet(pause)
    return Line(reporter._tw._file, pause)  # pytest has no public way to it


class Quiet:
    """Shows nothing but a wait for a unit: one line on stderr, which xdist's workers have too."""

    def __init__(self, pause: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
        self._pause = pause

    def progress(self, progress: Progress) -> None:
        """Show nothing."""

    def waiting(self, unit: str, holder: Holder | None) -> None:
        """Say once who holds the unit."""
        with self._pause():
            sys.stderr.write(f"accelbench: {waiting_text(unit, holder)}\n")
            sys.stderr.flush()


class Line:
    """Paints one line below the cursor; it is gone when the run is."""

    def __init__(
        self, stream: TextIO, pause: Callable[[], AbstractContextManager[Any]] = nullcontext
    ) -> None:
        self._stream = stream
        self._pause = pause
        self._epoch = 0
        self._loss: float | None = None
        self._painted = 0.0

    def progress(self, progress: Progress) -> None:
        """Show phase, epoch, loss and rate."""
        self._epoch = progress.epoch or self._epoch
        self._loss = progress.loss if progress.loss is not None else self._loss
        if progress.phase == "attach":
            self._epoch, self._loss = 0, None
        if progress.phase == "done":
            self._write(_CLEAR)
        elif time.monotonic() - self._painted > LEAST_SECONDS:
            self._painted = time.monotonic()
            self._paint(described(progress, self._epoch, self._loss))

    def waiting(self, unit: str, holder: Holder | None) -> None:
        """Show who holds the unit."""
        self._paint(waiting_text(unit, holder))

    def _paint(self, text: str) -> None:
        """Paint a line no wider than the terminal: the rest of a wrapped one would stay behind."""
        self._write(_PAINT.format(text[: shutil.get_terminal_size().columns - 1]))

    def _write(self, text: str) -> None:
        with self._pause():
            self._stream.write(text)
            self._stream.flush()


def waiting_text(unit: str, holder: Holder | None) -> str:
    """Return the line that says whom a run waits for."""
    who = f"process {holder.pid} ({holder.purpose})" if holder else "another session"
    return f"waiting for {unit}, which {who} holds"


def described(progress: Progress, epoch: int, loss: float | None) -> str:
    """Return a run's progress as one line."""
    parts = [progress.spec_name, progress.phase]
    if epoch:
        parts.append(f"epoch {epoch}/{progress.epochs}")
    if loss is not None:
        parts.append(f"loss {loss:.4g}")
    if progress.samples_per_second:
        parts.append(f"{progress.samples_per_second:,.0f} samples/s")
    return "  ".join(parts)
