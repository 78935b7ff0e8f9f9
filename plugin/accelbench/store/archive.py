"""Reads the history back: its sessions, whole runs, and tables of readings for other tools."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from accelbench.store.damage import damaged
from accelbench.store.history import HistoryLine, loads
from accelbench.store.lines import Problem
from accelbench.store.sources import Files, listed, query
from accelbench.verdict import statuses

Format = Literal["jsonl", "csv", "parquet"]

ONCE = "QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY file) = 1"
"""A run that lies in two files counts once."""

_COPY_OPTIONS: dict[Format, str] = {
    # The lines are ASCII without control characters: what separates and quotes never occurs.
    "jsonl": "FORMAT csv, HEADER false, DELIMITER '\x01', QUOTE '\x02', ESCAPE '\x02'",
    "csv": "FORMAT csv, HEADER true",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}


@dataclass(frozen=True)
class Choice:
    """Which runs: all conditions hold; None is no condition. `since` is a time or its beginning."""

    workload: str | None = None
    session: str | None = None
    device: str | None = None
    metric: str | None = None
    since: str | None = None

    def condition(self) -> str:
        """Return the condition on a row of the history's table."""
        tests = {
            "workload": "workload = $workload",
            "session": "session_id = $session",
            "device": "device = $device",
            "metric": "list_contains(list_transform(judged, lambda j: j.metric), $metric)",
            "since": "time >= $since",
        }
        return " AND ".join(["true", *(tests[name] for name in self.parameters())])

    def parameters(self) -> dict[str, str]:
        """Return the values of what is chosen, by name."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Session:
    """A session's row: its runs, and how many of them have a metric of a status.

    `failed` counts the runs that did not end as their tests want it, too.
    """

    session_id: str
    day: str
    host: str
    runs: int
    regressed: int
    failed: int
    inconclusive: int
    size_bytes: int


@dataclass(frozen=True)
class Archive:
    """What was found, by time, and the lines and files that do not count."""

    lines: tuple[HistoryLine, ...] = ()
    problems: list[Problem] = field(default_factory=list)


def sessions(folder: Path) -> tuple[list[Session], list[Problem]]:
    """Return the sessions of a folder, the latest last, and what does not count; OSError."""

    def text(files: Files) -> str:
        def having(status: str) -> str:
            found = f"list_contains(list_transform(judged, lambda j: j.status), '{status}')"
            return f"count(*) FILTER ({found}{' OR NOT expected' * (status == statuses.FAILED)})"

        counts = ", ".join(
            having(each) for each in (statuses.REGRESSED, statuses.FAILED, statuses.INCONCLUSIVE)
        )
        return f"""
            SELECT session_id, min(time)[:10], string_agg(DISTINCT host, ', ' ORDER BY host),
                count(*), {counts}, sum(bytes)::BIGINT
            FROM (SELECT * FROM ({files.table()}) {ONCE})
            GROUP BY session_id ORDER BY session_id
        """

    found = query(folder, text)
    return [Session(*row) for row in found.rows], problems_of(folder, found.problems)


def runs(folder: Path, choice: Choice | None = None) -> Archive:
    """Return the chosen runs, whole, each once, the newest last; OSError."""
    chosen = choice or Choice()

    def text(files: Files) -> str:
        return f"""
            SELECT text, file, run_id FROM ({files.table(text=True)})
            WHERE {chosen.condition()} {ONCE} ORDER BY time, session_id, run_id
        """

    found = query(folder, text, chosen.parameters())
    lines, problems = [], problems_of(folder, found.problems)
    for content, file, run_id in found.rows:
        try:
            lines.append(loads(content))
        except (ValueError, RecursionError) as error:
            number = _number(Path(file), content)
            if (file, number) not in {(str(each.path), each.number) for each in problems}:
                problems.append(Problem(Path(file), number, f"{run_id}: {error}"))
    return Archive(tuple(lines), problems)


def export(folder: Path, choice: Choice, form: Format, path: Path) -> tuple[int, list[Problem]]:
    """Write the chosen runs to a file; return how many rows, and what does not count; OSError.

    `jsonl` holds whole runs, line by line as they are stored: a file of history again. The tables
    have a row for each metric of each run.
    """
    chosen = choice.parameters()

    def text(files: Files) -> str:
        whole = form == "jsonl"
        select = f"SELECT * FROM ({files.table(text=whole)}) WHERE {choice.condition()} {ONCE}"
        if whole:
            rows = f"SELECT text FROM ({select}) ORDER BY time, session_id, run_id"
        else:
            rows = _readings(select, only="metric" in chosen)
        target = str(path).replace("'", "''")
        return f"COPY ({rows}) TO '{target}' ({_COPY_OPTIONS[form]}, USE_TMP_FILE false)"

    found = query(folder, text, chosen)
    return sum(row[0] for row in found.rows), problems_of(folder, found.problems)


def _readings(select: str, *, only: bool) -> str:
    wanted = "WHERE each.metric = $metric" if only else ""
    return f"""
        SELECT session_id, run_id, time, workload, device, host, unit, role, state, expected,
            portable AS portable_key, platform AS device_key, each.metric AS metric,
            each.reading.value AS value, each.reading.censored AS censored,
            each.reading.trials AS trials, each.status AS status
        FROM (SELECT * EXCLUDE (judged), unnest(judged) AS each FROM ({select})) {wanted}
        ORDER BY time, session_id, run_id, metric
    """


def problems_of(folder: Path, problems: list[Problem]) -> list[Problem]:
    """Return a query's problems and those of single lines."""
    named = {problem.path for problem in problems}
    files, _ = listed(folder)
    return [*problems, *(each for each in damaged(files) if each.path not in named)]


def _number(file: Path, content: str) -> int:
    """Return the number of a line in its file; 0 in a compacted one, which has no lines."""
    if file.suffix != ".jsonl":
        return 0
    found = file.read_text(encoding="utf-8", errors="replace").split("\n")
    return found.index(content) + 1 if content in found else 0
