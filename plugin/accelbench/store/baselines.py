"""The folder of baselines: baselines/<workload>/portable.jsonl and <platform>.jsonl."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accelbench.records import Run
from accelbench.store import lines
from accelbench.store.identity import Key, Scope, key_of
from accelbench.store.lines import Line, Problem, StoreError

PORTABLE = "portable"

COLLAPSE = 0.25
"""A run has collapsed when it lost this share of the way from chance to the median accuracy."""

LEARNED = 0.1
"""A run has learned nothing when it came less than this share of the way from chance to all right.

On ten classes that is 0.19: a model that always names the most frequent class stays below it (0.11
on MNIST), as does a lucky guess (0.18 of 360 at five standard errors); no trained one does."""


@dataclass(frozen=True)
class Reference:
    """The reference runs of a key; `changed`: there are some of another workload fingerprint."""

    runs: tuple[Run, ...]
    changed: bool = False

    @property
    def sessions(self) -> int:
        """How many sessions recorded them."""
        return len({run.provenance.session_id for run in self.runs})

    @property
    def since(self) -> str:
        """The day of the oldest one."""
        return min((run.provenance.time[:10] for run in self.runs), default="")


@dataclass
class Baselines:
    """Reads a folder of baselines, each file once, and again once it has written it."""

    folder: Path
    _read: dict[Path, tuple[list[Line], list[Problem]]] = field(default_factory=dict)

    @property
    def problems(self) -> list[Problem]:
        """The lines that do not count, of the files read so far, by path and number."""
        return [problem for path in sorted(self._read) for problem in self._read[path][1]]

    def reference(self, run: Run, scope: Scope) -> Reference:
        """Return the reference runs that a run's metrics of a scope are judged against."""
        found = self._lines(self._path(run, scope))
        key = key_of(run, scope)
        same = _latest_segment([each for each in found if key_of(each.run, scope) == key])
        bare = key.apart_from_workload()
        changed = not same and any(
            key_of(each.run, scope).apart_from_workload() == bare for each in found
        )
        return Reference(tuple(each.run for each in same), changed)

    def runs(self, workload: str) -> Iterator[Run]:
        """Yield all stored runs of a workload."""
        for path in self.paths():
            if path.parent.name == workload:
                yield from (line.run for line in self._lines(path))

    def seeds(self, workload: str) -> frozenset[int]:
        """Return the seeds of all stored runs of a workload."""
        return frozenset(run.spec.seed for run in self.runs(workload))

    def paths(self) -> list[Path]:
        """Return all baseline files, sorted."""
        return sorted(self.folder.glob("*/*.jsonl"))

    def references(self) -> Iterator[tuple[Path, Key, list[Line]]]:
        """Yield each file's keys with the lines of their latest segment."""
        for path in self.paths():
            scope: Scope = "portable" if path.stem == PORTABLE else "device"
            found = self._lines(path)
            for key in dict.fromkeys(key_of(line.run, scope) for line in found):
                same = [line for line in found if key_of(line.run, scope) == key]
                yield path, key, _latest_segment(same)

    def add(
        self, runs: Sequence[tuple[Run, Scope]], reason: str, accepted_by: str, *, segment: bool
    ) -> dict[Path, list[Run]]:
        """Append reference runs, each to its scope's file; return what each file did not have yet.

        `segment` opens a new segment: the older runs stay, and are no longer the reference.
        StoreError names a file that could not be written, which is then as it was.
        """
        by_path: dict[Path, list[tuple[Run, Scope]]] = {}
        for run, scope in runs:
            by_path.setdefault(self._path(run, scope), []).append((run, scope))
        written: dict[Path, list[Run]] = {}
        errors = []
        for path, members in by_path.items():
            try:
                with lines.locked(path.parent):
                    fresh = self._append(path, members, _Acceptance(reason, accepted_by, segment))
            except StoreError as error:
                errors.append(str(error))
            else:
                if fresh:
                    written[path] = [line.run for line in fresh]
        if errors:
            raise StoreError("; ".join(errors))
        return written

    def _append(
        self, path: Path, members: Sequence[tuple[Run, Scope]], acceptance: _Acceptance
    ) -> list[Line]:
        present, _ = lines.read(path)
        added = []
        for run, scope in members:
            key = key_of(run, scope)
            last = max((x.segment for x in present if key_of(x.run, scope) == key), default=0)
            added.append(
                Line(
                    segment=last + 1 if acceptance.segment else max(last, 1),
                    reason=acceptance.reason,
                    accepted_by=acceptance.accepted_by,
                    accepted_at=now(),
                    run=run.condensed(),
                )
            )
        fresh = lines.append(path, added)
        self._read[path] = lines.read(path)
        return fresh

    def _path(self, run: Run, scope: Scope) -> Path:
        name = PORTABLE if scope == "portable" else platform_of(run)
        return self.folder / run.spec.workload / f"{name}.jsonl"

    def _lines(self, path: Path) -> list[Line]:
        if path not in self._read:
            self._read[path] = lines.read(path)
        return self._read[path][0]


@dataclass(frozen=True)
class _Acceptance:
    reason: str
    accepted_by: str
    segment: bool


SCOPES: tuple[Scope, ...] = ("portable", "device")


def _latest_segment(found: list[Line]) -> list[Line]:
    last = max((line.segment for line in found), default=0)
    return [line for line in found if line.segment == last]


def platform_of(run: Run) -> str:
    """Return the platform's slug: the device id and its model."""
    text = f"{run.spec.device}-{run.provenance.device_model}".lower()
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def refusal(run: Run, known: Sequence[Run], chance: float) -> str | None:
    """Return why a run must not become a reference beside the `known` ones, or None if it may.

    `chance` is the accuracy of guessing; 0 where nobody knows it.
    """
    if run.state.name != "completed":
        return f"the run {run.state}"
    evaluation = run.evaluation
    if evaluation is None or not evaluation.finite:
        return "its evaluation is not finite"
    if evaluation.accuracy is None:
        return None
    line = _collapse_line(known, chance)
    if line is not None and evaluation.accuracy < line:
        return f"it collapsed (accuracy {evaluation.accuracy:.4g}, below {line:.4g})"
    # Whatever it is beside, even runs that all collapsed.
    least = chance + LEARNED * (1 - chance) if chance else 0.0
    if evaluation.accuracy <= least:
        return (
            f"it learned nothing (accuracy {evaluation.accuracy:.4g}, not above {least:.4g}; "
            f"guessing gives {chance:.4g})"
        )
    return None


def _collapse_line(known: Sequence[Run], chance: float) -> float | None:
    """Return the accuracy below which a run has collapsed beside the known ones, None without."""
    found = [each.evaluation for each in known if each.state.name == "completed"]
    sound = [each.accuracy for each in found if each is not None and each.finite]
    accuracies = sorted(accuracy for accuracy in sound if accuracy is not None)
    middle = accuracies[len(accuracies) // 2] if accuracies else chance
    return middle - COLLAPSE * (middle - chance) if middle > chance else None
