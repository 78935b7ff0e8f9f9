"""Reads and writes files of JSON lines, one accepted run a line.

A line that cannot be read is named and kept; the others count. A file is written whole, next to
the old one, and put in its place: a full disk or a kill leaves the old one as it was.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from accelbench import codec
from accelbench.codec import Json
from accelbench.records import Run

T = TypeVar("T")

SCHEMA = 1
"""Schema 1: {schema, segment, reason, accepted_by, accepted_at, run}."""

LOCK_SECONDS = 60.0
"""How long a session waits for another one that writes into the same folder."""


class StoreError(Exception):
    """A baseline file could not be written; nothing of it was changed."""


@dataclass(frozen=True)
class Line:
    """One accepted run: who accepted it, when and why, and the segment that it belongs to."""

    segment: int
    reason: str
    accepted_by: str
    accepted_at: str
    run: Run
    schema: int = SCHEMA


@dataclass(frozen=True)
class Problem:
    """A line that does not count, and what to do about it."""

    path: Path
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.number}: {self.text}"


def read(path: Path) -> tuple[list[Line], list[Problem]]:
    """Return the lines of a file that count, and the problems of the others; none if missing."""
    lines: list[Line] = []
    problems: list[Problem] = []
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return lines, problems
    except OSError as error:
        return lines, [Problem(path, 0, f"cannot be read: {error.strerror}")]
    seen: dict[str, int] = {}
    for number, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            line = parsed(Line, content, SCHEMA)
        except (ValueError, OverflowError, RecursionError) as error:
            problems.append(Problem(path, number, str(error)))
            continue
        first = seen.setdefault(line.run.provenance.run_id, number)
        if first != number:
            text_ = f"the same run as in line {first}, counted once: delete one of the two"
            problems.append(Problem(path, number, text_))
            continue
        lines.append(line)
    return lines, problems


def parsed(cls: type[T], content: str, schema: int) -> T:
    """Return a record of a line of JSON; ValueError says what is wrong and what to do."""
    try:
        value: Json = json.loads(content)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON ({error.msg}, column {error.colno}): restore the line or delete it"
        ) from None
    check_schema(value, schema)
    try:
        return codec.from_json(cls, value)
    except ValueError as error:
        raise ValueError(f"not a run: {error}: restore the line or delete it") from None


def check_schema(value: Json, known: int) -> None:
    """Refuse what a newer version wrote; ValueError."""
    schema = value.get("schema") if isinstance(value, dict) else None
    if isinstance(schema, int) and schema > known:
        raise ValueError(
            f"schema {schema} is newer than this version's {known}: upgrade pytest-accelbench"
        )


def append(path: Path, added: Sequence[Line]) -> list[Line]:
    """Add lines to a file, as one atomic replacement; StoreError, and the file is as before.

    No run is written twice: returns the lines that were written. The caller holds `locked`.
    """
    present = {line.run.provenance.run_id for line in read(path)[0]}
    once = {line.run.provenance.run_id: line for line in added}
    fresh = [line for run_id, line in once.items() if run_id not in present]
    if not fresh:
        return []
    try:
        old = path.read_bytes() if path.exists() else b""
        if old and not old.endswith(b"\n"):
            old += b"\n"
        _replace(path, old + "".join(codec.dumps(line) + "\n" for line in fresh).encode())
    except OSError as error:
        raise StoreError(
            f"{path} was not written ({error.strerror}): it is as before, {len(fresh)} runs are "
            "not in it; free some space or choose another folder (accelbench_baselines), run again"
        ) from None
    return fresh


def _replace(path: Path, content: bytes) -> None:
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        os.chmod(scratch, mode)  # noqa: PTH101  # mkstemp gives a text
        os.replace(scratch, path)  # noqa: PTH105  # the same
    except BaseException:
        with suppress(OSError):
            os.unlink(scratch)  # noqa: PTH108  # the same
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder of baselines against other sessions that update it; StoreError.

    Another session holds it for the instant of a write: who waits `LOCK_SECONDS` gives up.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StoreError(f"cannot write into {folder}: {error.strerror}") from None
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StoreError(
                    f"cannot write into {folder}: another session has held it for "
                    f"{LOCK_SECONDS:.0f} s; run again when that one has ended"
                ) from None
            time.sleep(0.05)
        except OSError as error:  # a network file system that has no locks for folders
            raise StoreError(
                f"cannot write into {folder}: it cannot be locked ({error.strerror}); "
                "choose a folder on a local disk (accelbench_baselines)"
            ) from None
        else:
            return
