"""What the history knows of a metric: the input of a screen, one query for a whole session."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from accelbench import metrics
from accelbench.records import Reading
from accelbench.store.damage import damaged
from accelbench.store.lines import Problem
from accelbench.store.sources import Files, listed, query

NIGHTS = 60
"""The latest sessions of a metric that a screen looks at."""


@dataclass(frozen=True)
class Past:
    """One reading of an earlier session's completed run; `time` is in UTC, as ISO 8601."""

    run_id: str
    session_id: str
    time: str
    unit: str
    role: str
    reading: Reading
    status: str
    host: str


Series = tuple[str, str]
"""The digest of a key and the name of a metric: for portable metrics the key without device."""


def screen_input(
    folder: Path,
    keys: Collection[str] | None = None,
    nights: int = NIGHTS,
    measured: Collection[str] | None = None,
) -> Mapping[Series, tuple[Past, ...]]:
    """Return all past readings of the keys' metrics, by key and metric, each sorted by time.

    Only of completed runs, each once, and of the latest `nights` sessions that have the metric: by
    their ids, which begin with the start in UTC.
    None for `keys` or `measured` (names of metrics) stands for all. A missing folder has none.
    """
    return _asked(folder, keys, nights, measured)[0]


@dataclass
class History:
    """Reads a folder of history at the first question, with one query for all that may be asked.

    `folder` is None where there is no history; `keys` and `measured` as for `screen_input`.
    """

    folder: Path | None
    keys: Collection[str] | None = None
    measured: Collection[str] | None = None
    nights: int = NIGHTS
    _damage: list[Problem] = field(default_factory=list, repr=False)

    def past(self, key: str, metric: str) -> tuple[Past, ...]:
        """Return the past readings of a key's metric, sorted by time; () where there are none."""
        return self._series.get((key, metric), ())

    @property
    def problems(self) -> list[Problem]:
        """The lines and files that do not count."""
        return [] if self.folder is None else [*self._damage, *damaged(listed(self.folder)[0])]

    @cached_property
    def _series(self) -> Mapping[Series, tuple[Past, ...]]:
        if self.folder is None:
            return {}
        series, self._damage = _asked(self.folder, self.keys, self.nights, self.measured)
        return series


def _asked(
    folder: Path, keys: Collection[str] | None, nights: int, measured: Collection[str] | None
) -> tuple[_PastByMetric, list[Problem]]:
    if not listed(folder)[0]:
        # A session without history does not pay for DuckDB's import.
        return _PastByMetric({}), listed(folder)[1]
    parameters: dict[str, object] = {
        "portable": [n for n in metrics.names() if metrics.metric(n).scope == "portable"],
        "nights": nights,
    }
    wanted_runs = wanted_metrics = "true"
    if keys is not None:
        parameters["keys"] = list(keys)
        wanted_runs = "(list_contains($keys, portable) OR list_contains($keys, platform))"
    if measured is not None:
        parameters["measured"] = list(measured)
        wanted_metrics = "list_contains($measured, each.metric)"

    def text(files: Files) -> str:
        return _query(files, nights, wanted_runs, wanted_metrics)

    found = query(folder, text, parameters)
    rows = {
        series: list(rows)
        for series, rows in groupby(found.rows, key=lambda row: (row[0], row[1]))
        if keys is None or series[0] in keys
    }
    return _PastByMetric(rows), found.problems


def _query(files: Files, nights: int, wanted_runs: str, wanted_metrics: str) -> str:
    return f"""
        SELECT CASE WHEN list_contains($portable, each.metric) THEN portable ELSE platform END
            AS key, each.metric AS metric, run_id, session_id, time, unit, role,
            each.reading.value, each.reading.censored, each.reading.trials, each.status, host
        FROM (
            SELECT * EXCLUDE (judged), unnest(list_filter(judged, lambda each:
                each.reading.value IS NOT NULL AND {wanted_metrics})) AS each
            FROM ({files.table(nights=nights)})
            WHERE state = 'completed' AND {wanted_runs}
        )
        QUALIFY dense_rank() OVER (PARTITION BY key, metric ORDER BY session_id DESC) <= $nights
        ORDER BY key, metric, time, run_id
    """


class _PastByMetric(Mapping[Series, tuple[Past, ...]]):
    """Rows by series, made into records when one is asked for: most are of other processes."""

    def __init__(self, rows: Mapping[Series, list[tuple[Any, ...]]]) -> None:
        self._rows = rows
        self._made: dict[Series, tuple[Past, ...]] = {}

    def __getitem__(self, series: Series) -> tuple[Past, ...]:
        if series not in self._made:
            # A run that lies in two files has equal rows, side by side.
            once = {row[2]: row for row in self._rows[series]}
            self._made[series] = tuple(_past(row) for row in once.values())
        return self._made[series]

    def __iter__(self) -> Iterator[Series]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _past(row: tuple[Any, ...]) -> Past:
    _, _, run_id, session_id, time, unit, role, value, censored, trials, status, host = row
    reading = Reading(value, bool(censored), trials)
    return Past(run_id, session_id, time, unit, role, reading, status, host)
