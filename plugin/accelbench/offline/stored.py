"""What runs made elsewhere are judged against: files of baselines, and a history."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accelbench import cases
from accelbench.contention import contended
from accelbench.metrics import Metric
from accelbench.offline import reading
from accelbench.offline.reading import Read
from accelbench.records import Run
from accelbench.store import Problem
from accelbench.store.accepted import accepted
from accelbench.store.baselines import PORTABLE
from accelbench.store.identity import Key, key_of
from accelbench.store.past import History, Past
from accelbench.verdict import Point, statuses


@dataclass(frozen=True)
class Against:
    """The stored points of one metric of a cell, and the reference runs if they are at hand.

    `changed`: all there is was recorded with another version of the workload's file.
    """

    reference: tuple[Point, ...]
    history: tuple[Point, ...]
    runs: tuple[Run, ...] = ()
    changed: bool = False

    @property
    def since(self) -> str:
        """The day of the oldest reference run; empty where there is none."""
        return min((point.time[:10] for point in self.reference), default="")


@dataclass
class Memory:
    """Files of baselines and a folder of history, without the runs that are judged themselves."""

    baselines: Sequence[Path]
    history: History
    judged_ids: Collection[str] = frozenset()
    _read: dict[Path, Read] = field(default_factory=dict)

    @classmethod
    def of(cls, places: Sequence[Path], history: History, judged: Sequence[Run]) -> Memory:
        """Return the memory of some places: files, or folders as the checkout's baselines."""
        files = [path for place in places for path in _files(place)]
        return cls(files, history, {run.provenance.run_id for run in judged})

    @property
    def problems(self) -> list[Problem]:
        """The entries that do not count, of what was read so far."""
        return [*(p for read in self._read.values() for p in read.problems), *self.history.problems]

    def against(self, metric: Metric, run: Run) -> Against:
        """Return what a run's metric is judged against.

        Where no file has a baseline of it, the runs that the history accepted stand in for one.
        """
        key = key_of(run, metric.scope)
        runs, changed = self._references(metric, key)
        past = [p for p in self.history.past(key.digest, metric.name) if self._counts(p, runs)]
        if runs:
            since = min(run.provenance.time for run in runs)
            return Against(cases.points(metric, runs), accepted(past, since), runs)
        # A night without a baseline can only call its runs new.
        first = {*statuses.ACCEPTED, statuses.NEW}
        reference = tuple(_point(each) for each in past if each.status in first)
        return Against(reference, (), (), changed=changed and not reference)

    def _references(self, metric: Metric, key: Key) -> tuple[tuple[Run, ...], bool]:
        scope = metric.scope
        found = [
            each
            for read in self._of(scope)
            for each in read.found
            if each.run.provenance.run_id not in self.judged_ids
            and not (scope == "device" and contended(each.run))
        ]
        same = [each for each in found if key_of(each.run, scope) == key]
        last = max((each.segment for each in same), default=0)
        bare = key.apart_from_workload()
        changed = any(key_of(each.run, scope).apart_from_workload() == bare for each in found)
        return tuple(each.run for each in same if each.segment == last), changed

    def _of(self, scope: str) -> list[Read]:
        """Return the files that count for a scope: portable.jsonl is for portable metrics alone."""
        portable = [path for path in self.baselines if path.stem == PORTABLE]
        others = [path for path in self.baselines if path.stem != PORTABLE]
        chosen = (portable or others) if scope == "portable" else others
        for path in chosen:
            if path not in self._read:
                self._read[path] = reading.read([path])
        return [self._read[path] for path in chosen]

    def _counts(self, past: Past, references: Sequence[Run]) -> bool:
        ids = {run.provenance.run_id for run in references}
        return past.run_id not in ids and past.run_id not in self.judged_ids


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted([*place.glob("*/*.jsonl"), *place.glob("*.jsonl")])
    return [place]


def _point(past: Past) -> Point:
    return Point(past.reading, past.session_id, past.time, past.unit)
