"""Reads files of runs, in whatever form accelbench writes one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accelbench import codec
from accelbench.codec import Json
from accelbench.records import Run
from accelbench.store import Problem, history, lines

STANDARD_INPUT = Path("-")


@dataclass(frozen=True)
class Stored:
    """A run of a file, and the segment of the baseline that it belongs to; 0 without one."""

    run: Run
    segment: int = 0


@dataclass
class Read:
    """What files hold: each run once, and the entries that do not count."""

    found: list[Stored] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def runs(self) -> list[Run]:
        """The runs alone."""
        return [each.run for each in self.found]


def read(paths: Sequence[Path]) -> Read:
    """Return the runs of files; `-` is the standard input.

    A file is a Run as JSON (as `accelbench run --json` writes it), a list of them, or JSON lines of
    them; a line may be one of a baseline or of a history, which hold a run each.
    """
    result = Read()
    seen: set[str] = set()
    for path in paths:
        for number, entry in json_entries(path, result.problems):
            try:
                stored = _stored(entry)
            except (ValueError, OverflowError, RecursionError) as error:
                result.problems.append(Problem(path, number, str(error)))
                continue
            run_id = stored.run.provenance.run_id
            if run_id in seen:
                text = f"run {run_id} was read before, it counts once"
                result.problems.append(Problem(path, number, text))
                continue
            seen.add(run_id)
            result.found.append(stored)
    return result


def json_entries(path: Path, problems: list[Problem]) -> Iterator[tuple[int, Json]]:
    """Yield the values of a file of one JSON, a list of them, or JSON lines, with their numbers.

    What cannot be read is added to `problems`.
    """
    text = _text(path, problems)
    try:
        whole: Json = json.loads(text)
    except (ValueError, RecursionError):
        yield from _each_line(path, text, problems)
    else:
        yield from enumerate(whole if isinstance(whole, list) else [whole], 1)


def _text(path: Path, problems: list[Problem]) -> str:
    try:
        if path == STANDARD_INPUT:
            return sys.stdin.read()
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        problems.append(Problem(path, 0, f"cannot be read: {error.strerror}"))
        return ""


def _each_line(path: Path, text: str, problems: list[Problem]) -> Iterator[tuple[int, Json]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value: Json = json.loads(line)
        except json.JSONDecodeError as error:
            said = f"not JSON ({error.msg}, column {error.colno})"
            problems.append(Problem(path, number, said))
        except (ValueError, RecursionError) as error:
            problems.append(Problem(path, number, f"not JSON ({error})"))
        else:
            yield number, value


def _stored(entry: Json) -> Stored:
    """Return the run of an entry; ValueError."""
    if not isinstance(entry, dict):
        raise ValueError("not a run: an object is expected")
    if "run" not in entry:
        return Stored(_run(entry))
    lines.check_schema(entry, max(lines.SCHEMA, history.SCHEMA))
    segment = entry.get("segment")
    return Stored(_run(entry["run"]), segment if isinstance(segment, int) else 0)


def _run(value: Json) -> Run:
    try:
        return codec.from_json(Run, value)
    except ValueError as error:
        raise ValueError(f"not a run: {error}") from None
