"""The files of a folder of history as one table, for DuckDB: a row a run, its head in columns.

Session files are text (`<session>.jsonl`), compacted ones Parquet
(`compacted-<schema>-<id>.parquet`) with the same heads and each line as it was. Lines and files
that cannot be read do not count, and stop nothing; `damage` names the lines.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelbench.store.history import SCHEMA
from accelbench.store.lines import Problem

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ATTEMPTS = 5
"""How often a query starts again because another process compacted the folder under it."""

_LONGEST_LINE_BYTES = 2**27
"""A run of half a million epochs; DuckDB would end at 2 MB."""

_SHAPE = {
    "schema": "INTEGER",
    "keys": {"portable": "VARCHAR", "device": "VARCHAR"},
    "run_id": "VARCHAR",
    "session_id": "VARCHAR",
    "time": "VARCHAR",
    "state": "VARCHAR",
    "workload": "VARCHAR",
    "device": "VARCHAR",
    "host": "VARCHAR",
    "unit": "VARCHAR",
    "role": "VARCHAR",
    "expected": "BOOLEAN",
    "judged": [
        {
            "metric": "VARCHAR",
            "reading": {"value": "DOUBLE", "censored": "BOOLEAN", "trials": "BIGINT"},
            "status": "VARCHAR",
        }
    ],
}

COLUMNS = (
    "portable, platform, run_id, session_id, time, state, workload, device, host, unit, role, "
    "expected, judged, bytes"
)
"""What a run has in either kind of file; `portable` and `platform` are its keys' digests."""

HEAD = f'{{"schema": {SCHEMA}, "keys"'
BODY = ', "run": {'
"""How a line of the history begins, and how its run does: no text in JSON holds a bare quote."""

_PACKED = "read_parquet($packed, filename = 'file', hive_partitioning = false)"


@dataclass(frozen=True)
class Files:
    """The files of a folder of history that are of this version's schema, each kind sorted."""

    raw: tuple[Path, ...] = ()
    packed: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.raw or self.packed)

    def each(self) -> list[Files]:
        """Return every file on its own."""
        return [*(Files(raw=(p,)) for p in self.raw), *(Files(packed=(p,)) for p in self.packed)]

    def without(self, other: Sequence[Files]) -> Files:
        """Return the files that are in none of the others."""
        gone = {path for files in other for path in (*files.raw, *files.packed)}
        raw = tuple(path for path in self.raw if path not in gone)
        return Files(raw, tuple(path for path in self.packed if path not in gone))

    def parameters(self) -> dict[str, list[str]]:
        """Return what a query names them by; no path is a pattern."""
        named = {"raw": self.raw, "packed": self.packed}
        return {name: [_literal(path) for path in paths] for name, paths in named.items() if paths}

    def table(self, *, text: bool = False, nights: int | None = None) -> str:
        """Return the SELECT of `COLUMNS` and `file`, and with `text` of the lines as they are.

        `nights` leaves out older compacted sessions: a compacted run's `nth` counts, in its file,
        the sessions from the latest on that have its keys and its metrics. Of the latest sessions
        of a metric none has a higher one.
        """
        columns = f"{COLUMNS}, file, text" if text else f"{COLUMNS}, file"
        parts = []
        if self.raw:
            parts.append(f"SELECT {columns} FROM ({_raw(text=text)})")
        if self.packed:
            late = f"WHERE nth <= {nights:d}" if nights is not None else ""
            parts.append(f"SELECT {columns} FROM {_PACKED} {late}")
        return " UNION ALL ".join(parts)


def _raw(*, text: bool) -> str:
    """Return the SELECT of the heads of session files, and with `text` of their lines.

    A line that the history wrote is cut before its run, which alone would take longer to parse
    than all the rest; then its end tells that it is whole. Any other line is parsed whole.
    Materialized, for each mention of a column would parse the heads once more.
    """
    return f"""
        WITH lines AS MATERIALIZED (
            SELECT filename AS file, strlen(line) + 1 AS bytes, {"line AS text," * text}
                try(from_json(CASE
                    WHEN starts_with(line, '{HEAD}') AND ends_with(line, '}}}}')
                    THEN split_part(line, '{BODY}', 1) || '}}' ELSE line
                END, '{json.dumps(_SHAPE)}')) AS head
            FROM read_csv($raw, columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '',
                escape = '', header = false, auto_detect = false, ignore_errors = true,
                null_padding = true, strict_mode = false, filename = true,
                hive_partitioning = false, max_line_size = {_LONGEST_LINE_BYTES})
        )
        SELECT head.keys.portable AS portable, head.keys.device AS platform,
            head.* EXCLUDE (schema, keys), lines.* EXCLUDE (head)
        FROM lines
        WHERE head.schema <= {SCHEMA} AND head.run_id <> '' AND head.session_id <> ''
            AND head.keys.portable <> '' AND head.keys.device <> '' AND head.time <> ''
            AND head.state <> '' AND head.judged IS NOT NULL
    """


@dataclass
class Found:
    """What a query over a folder gave, and the files that it had to leave out."""

    rows: list[tuple[Any, ...]]
    problems: list[Problem] = field(default_factory=list)


def listed(folder: Path) -> tuple[Files, list[Problem]]:
    """Return a folder's files, none where it is missing; those of a newer schema are problems."""
    packed, problems = [], []
    for path in sorted(folder.glob("compacted-*.parquet")):
        match = re.match(r"compacted-(\d+)-", path.name)
        if match is None or int(match[1]) > SCHEMA:
            problems.append(Problem(path, 0, "of a newer version: upgrade pytest-accelbench"))
        else:
            packed.append(path)
    return Files(tuple(sorted(folder.glob("*.jsonl"))), tuple(packed)), problems


def query(
    folder: Path, text: Callable[[Files], str], parameters: Mapping[str, object] | None = None
) -> Found:
    """Return the rows of one query over all files of a folder that can be read; OSError.

    A file that vanishes under the query was compacted by another process: it starts again.
    """
    import duckdb

    bad: list[Files] = []
    for _ in range(_ATTEMPTS):
        files, problems = listed(folder)
        usable = files.without(bad)
        problems += [_unreadable(each) for each in bad]
        if not usable:
            return Found([], problems)
        try:
            return Found(rows(text(usable), usable, parameters), problems)
        except duckdb.Error as error:
            if listed(folder)[0] == files:
                more = [each for each in usable.each() if not _is_readable(each)]
                if not more:
                    raise OSError(str(error).splitlines()[0]) from None
                bad += more
    raise OSError(f"{folder} changes faster than it can be read: try again")


def rows(
    text: str, files: Files, parameters: Mapping[str, object] | None = None
) -> list[tuple[Any, ...]]:
    """Return the rows of a query over given files; duckdb.Error."""
    done = connection().execute(text, {**files.parameters(), **(parameters or {})})
    found: list[tuple[Any, ...]] = done.fetchall()
    return found


def _is_readable(files: Files) -> bool:
    import duckdb

    try:
        rows(f"SELECT max(COLUMNS(*)) FROM ({files.table(text=True)})", files)
    except duckdb.Error:
        return False
    return True


def _unreadable(files: Files) -> Problem:
    path = (*files.raw, *files.packed)[0]
    return Problem(path, 0, "cannot be read: restore the file or delete it")


def _literal(path: Path) -> str:
    """Return a path as a pattern that matches itself only."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


@cache
def connection() -> DuckDBPyConnection:
    """Return this process's own database, in memory, which loads no extension from anywhere."""
    import duckdb

    return duckdb.connect(
        config={
            "temp_directory": tempfile.gettempdir(),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
