"""A run's log: what the worker printed, kept to a size that no flood exceeds."""

from __future__ import annotations

import os
from pathlib import Path

LARGEST_BYTES = 16 * 2**20
TAIL_BYTES = 256 * 2**10


def trim(log: Path) -> None:
    """Cut a log that has grown too large down to its tail.

    The worker writes in append mode, so that it goes on at the new end; what it writes between the
    reading and the cut is lost.
    """
    try:
        size = log.stat().st_size
        if size <= LARGEST_BYTES:
            return
        kept = _last(log, TAIL_BYTES)
        with log.open("r+b") as file:
            file.truncate(0)
        with log.open("ab") as file:
            file.write(f"[{size - len(kept)} bytes left out here]\n".encode() + kept)
    except OSError:
        return


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a log; bytes that a terminal must not see are replaced."""
    try:
        text = _last(log, 16 * 2**10).decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(map(_shown, text.splitlines()[-lines:]))


def _shown(line: str) -> str:
    """Return a line without control characters: they could rewrite what the terminal shows."""
    return "".join(each if each.isprintable() or each == "\t" else "\ufffd" for each in line)


def _last(log: Path, size: int) -> bytes:
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - size))
        return file.read()
