"""The history: every run of every session, one append-only file of JSON lines a session.

A line starts with a narrow head, what a query needs of the run, and ends with the whole run. The
head repeats the run and holds numbers derived from it (readings), which is done nowhere else: so
the screen's input for a whole session is one query that never parses a run.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from accelbench import codec, metrics
from accelbench.records import Reading, Run, Verdict
from accelbench.store.identity import key_of
from accelbench.store.lines import parsed

SCHEMA = 1
"""Schema 1: {schema, keys, run_id, session_id, time, state, workload, device, host, unit, role,
expected, judged, run}, in this order: queries cut the head off before `run`."""

REFERENCE = "reference"
"""The role of a run that was made to be recorded, beside the one that its test judged."""

WITHOUT_VERDICT = ""
"""The status of a metric that nobody judged."""


@dataclass(frozen=True)
class Keys:
    """The digests of a run's identity: for portable metrics, and for those of its device."""

    portable: str
    device: str


@dataclass(frozen=True)
class Judged:
    """One metric of a run: its reading, None where the run has none, and what the session said."""

    metric: str
    reading: Reading | None
    status: str = WITHOUT_VERDICT


@dataclass(frozen=True, kw_only=True)
class HistoryLine:
    """One run as the history keeps it; all but the run is the head."""

    schema: int = SCHEMA
    keys: Keys
    run_id: str
    session_id: str
    time: str
    state: str
    workload: str
    device: str
    host: str
    unit: str
    role: str
    expected: bool
    judged: tuple[Judged, ...]
    run: Run


def line_of(
    run: Run, verdicts: tuple[Verdict, ...] = (), *, role: str | None = None, expected: bool = True
) -> HistoryLine:
    """Return a run's line, with all metrics that can be read from it.

    `expected`: it ended as its test wants it. `role` is the run's own where none is given.
    """
    spec, source = run.spec, run.provenance
    treatment = dict(source.treatment)
    return HistoryLine(
        keys=Keys(key_of(run, "portable").digest, key_of(run, "device").digest),
        run_id=source.run_id,
        session_id=source.session_id,
        time=source.time,
        state=run.state.name,
        workload=spec.workload,
        device=spec.device,
        host=str(treatment.get("host", "")),
        unit=str(treatment.get("unit", "")),
        role=spec.role if role is None else role,
        expected=expected,
        judged=_judged(run, {verdict.metric: verdict.status for verdict in verdicts}),
        run=run.condensed(),
    )


def _judged(run: Run, statuses: Mapping[str, str]) -> tuple[Judged, ...]:
    """Return what can be read from a run, and the verdicts on what cannot."""
    found = [(name, metrics.metric(name).read(run)) for name in metrics.names()]
    return tuple(
        Judged(name, reading, statuses.get(name, WITHOUT_VERDICT))
        for name, reading in found
        if reading is not None or name in statuses
    )


def dumps(line: HistoryLine) -> str:
    """Return a line as ASCII, its head first: how the history's files are written."""
    return json.dumps(codec.to_json(line), allow_nan=False)


def loads(text: str) -> HistoryLine:
    """Return the line that `dumps` wrote; ValueError says what is wrong and what to do."""
    return parsed(HistoryLine, text, SCHEMA)


@dataclass
class SessionFile:
    """The file of one session: made at its first line, every line on disk when `append` returns.

    The file is locked while the session lives, so that `compact` leaves it alone; where the file
    system has no locks, its age alone protects it.
    """

    folder: Path
    session_id: str
    _descriptor: int | None = field(default=None, repr=False)
    _torn: bool = field(default=False, repr=False)

    @property
    def path(self) -> Path:
        """Where the lines lie."""
        return self.folder / f"{self.session_id}.jsonl"

    def append(self, line: HistoryLine) -> None:
        """Add a line; OSError where it could not be stored, and the file is as before."""
        self.append_text(dumps(line))

    def append_text(self, text: str) -> None:
        """Add a line of JSON; OSError where it could not be stored, and the file is as before."""
        content = (text + "\n").encode()
        if self._descriptor is None:
            make_folder(self.folder)
            self._descriptor = _opened(self.path)
        before = os.fstat(self._descriptor).st_size
        try:
            # What a failed write left behind must not become the start of this line.
            _write(self._descriptor, b"\n" + content if self._torn else content)
            os.fsync(self._descriptor)
            self._torn = False
        except OSError:
            self._torn = True
            with suppress(OSError):
                os.ftruncate(self._descriptor, before)
                self._torn = False
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def verdicts_path(folder: Path, session_id: str) -> Path:
    """Return where a session's judgements lie: what each verdict rests on, to be replayed."""
    return folder / "verdicts" / f"{session_id}.jsonl"


def make_folder(folder: Path) -> None:
    """Make a folder of history; a new one is kept out of git, which would carry every run."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        (folder / ".gitignore").write_text("# Made by accelbench.\n*\n", encoding="utf-8")


def _opened(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _write(descriptor: int, content: bytes) -> None:
    """Write all of it: a disk that is nearly full takes a part of it first."""
    while content:
        content = content[os.write(descriptor, content) :]
