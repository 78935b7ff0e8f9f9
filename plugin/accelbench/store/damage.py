"""Names the lines of session files that do not count, for people: queries just leave them out.

A line whose head is whole and whose run is not is named, and its run never comes back; the readings
in its head count.
"""

from __future__ import annotations

from pathlib import Path

from accelbench.store.history import loads
from accelbench.store.lines import Problem
from accelbench.store.sources import Files, rows


def unread(files: Files) -> list[tuple[Path, bytes]]:
    """Return the session files that hold more lines than a query counts, with their content."""
    import duckdb

    counted = (
        f"SELECT file, count(*) FROM ({files.table(text=True)}) WHERE json_valid(text) GROUP BY 1"
    )
    try:
        counts = dict(rows(counted, files)) if files.raw else {}
    except duckdb.Error:  # a file that cannot be opened: each is looked at
        counts = {}
    found = []
    for path in files.raw:
        try:
            content = path.read_bytes()
        except OSError:  # compacted meanwhile, or a query has named it already
            continue
        stored = sum(1 for line in content.split(b"\n") if line.strip())
        if counts.get(str(path), 0) != stored:
            found.append((path, content))
    return found


def damaged(files: Files) -> list[Problem]:
    """Return the lines of session files that do not count, by file and number."""
    return [
        Problem(path, number, fault)
        for path, content in unread(Files(raw=files.raw))
        for number, line in enumerate(content.split(b"\n"), 1)
        if (fault := _fault(line)) is not None
    ]


def _fault(line: bytes) -> str | None:
    try:
        if line.strip():
            loads(line.decode())
    except (ValueError, OverflowError, RecursionError) as error:
        return str(error)
    return None
