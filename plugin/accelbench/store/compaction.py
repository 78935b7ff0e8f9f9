"""Compacts the history: session files become Parquet, which a query reads a part of.

A file is merged in this order: the compacted file is written under another name, put on disk,
renamed, and only then the merged ones are removed. A kill in between leaves a scratch file, which
the next compaction removes, or runs that lie in two files, which count once.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from accelbench.store import lines
from accelbench.store.archive import ONCE
from accelbench.store.damage import damaged, unread
from accelbench.store.history import SCHEMA
from accelbench.store.lines import Problem
from accelbench.store.sources import COLUMNS, Files, listed, rows

FINISHED_SECONDS = 86400.0
"""A session file that grew this lately may belong to a session that runs on another host."""

_SCRATCH = ".compacting-"

_BATCH_BYTES = 256 * 2**20
"""How much is merged at a time, in bytes of lines: it has to be sorted in memory."""

_FULL_BYTES = 128 * 2**20
"""A compacted file with lines of so many bytes is not merged again."""

_ROW_GROUP_RUNS = 8192


@dataclass
class Compacted:
    """What became of a folder: runs and files merged, their sizes, and what was left as it is."""

    runs: int = 0
    files: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    left: list[Problem] = field(default_factory=list)


def compact(folder: Path, *, everything: bool = False) -> Compacted:
    """Merge the session files that are a day old, or `everything`, into Parquet; OSError.

    Left as they are: files of sessions that still run, and files with lines that do not count.
    StoreError where the folder cannot be held against other compactions.
    """
    import duckdb

    done = Compacted()
    with lines.locked(folder):
        for scratch in folder.glob(f"{_SCRATCH}*"):
            scratch.unlink()
        files, done.left = listed(folder)
        finished = [path for path in files.raw if everything or _is_old(path)]
        raw = _mergeable(finished, done.left)
        try:
            for batch in _batches(raw, files.packed):
                kept = listed(folder)[0].without([batch]).packed
                _merge(folder, batch, kept, done)
        except duckdb.Error as error:
            raise OSError(str(error).splitlines()[0]) from None
    return done


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > FINISHED_SECONDS


def _mergeable(finished: Sequence[Path], left: list[Problem]) -> list[Path]:
    """Return the session files that can be merged without loss; `left` says of others why not."""
    running = [path for path in finished if _is_in_use(path)]
    ended = Files(raw=tuple(path for path in finished if path not in running))
    broken = [path for path, _ in unread(ended)]
    problems = damaged(Files(raw=tuple(broken)))
    named = {problem.path for problem in problems}
    left += [Problem(path, 0, "its session still runs") for path in running]
    left += problems
    left += [Problem(path, 0, "has lines that are no runs") for path in broken if path not in named]
    return [path for path in ended.raw if path not in broken]


def _is_in_use(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks: the file's age has to do
            return False
    return False


def _batches(raw: Sequence[Path], packed: Sequence[Path]) -> list[Files]:
    """Return what is merged together: small compacted files, then session files in their order."""
    sizes = {path: _bytes_of_lines(path) for path in packed}
    small = [path for path in packed if sizes[path] < _FULL_BYTES]
    sizes |= {path: path.stat().st_size for path in raw}
    batches: list[list[Path]] = [[]]
    for path in (*small, *raw):
        if sum(sizes[each] for each in batches[-1]) >= _BATCH_BYTES:
            batches.append([])
        batches[-1].append(path)
    return [
        Files(
            tuple(path for path in batch if path in raw),
            tuple(path for path in batch if path in small),
        )
        for batch in batches
        if len(batch) > 1 or set(batch) & set(raw)
    ]


def _bytes_of_lines(path: Path) -> int:
    files = Files(packed=(path,))
    return int(rows(f"SELECT coalesce(sum(bytes), 0) FROM ({files.table()})", files)[0][0])


def _merge(folder: Path, batch: Files, kept: Sequence[Path], done: Compacted) -> None:
    paths = (*batch.raw, *batch.packed)
    before = {path: path.stat().st_size for path in paths}
    scratch = folder / f"{_SCRATCH}{secrets.token_hex(4)}.parquet"
    written = _write(batch, kept, scratch)
    descriptor = os.open(scratch, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    name = f"compacted-{SCHEMA}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}.parquet"
    scratch.rename(folder / name)
    _sync(folder)
    done.runs += written
    done.bytes_after += (folder / name).stat().st_size
    for path in paths:
        if path.stat().st_size == before[path]:  # else a session without a lock went on
            path.unlink()
            done.files += 1
            done.bytes_before += before[path]


def _write(batch: Files, kept: Sequence[Path], scratch: Path) -> int:
    """Write a batch's runs that are in no kept file, the latest sessions first; return how many.

    So a query finds the latest sessions of all keys in the first row groups.
    """
    others = Files(packed=tuple(kept)).parameters().get("packed", [])
    known = "WHERE run_id NOT IN (SELECT run_id FROM read_parquet($kept))" if others else ""
    target = str(scratch).replace("'", "''")
    found = rows(
        f"""
        COPY (
            SELECT {COLUMNS}, text, CASE WHEN state = 'completed' THEN dense_rank() OVER (
                PARTITION BY portable, platform, state = 'completed', list_sort(list_transform(
                    list_filter(judged, lambda j: j.reading.value IS NOT NULL), lambda j: j.metric
                )) ORDER BY session_id DESC) END AS nth
            FROM (SELECT * FROM ({batch.table(text=True)}) {known} {ONCE})
            ORDER BY nth, session_id DESC, time
        ) TO '{target}' (
            FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP_RUNS}, USE_TMP_FILE false
        )""",
        batch,
        {"kept": others} if others else None,
    )
    return int(found[0][0])


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
