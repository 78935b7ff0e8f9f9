"""Judges again what was judged before, and compares every bit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path

from accelbench import cases, codec
from accelbench.cases import SCHEMA, Judgement
from accelbench.codec import Json
from accelbench.offline.reading import json_entries
from accelbench.records import Verdict
from accelbench.store import Problem
from accelbench.store.lines import check_schema
from accelbench.wording import reasons, shown_status

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Difference:
    """A field of a verdict that is not what it was, as JSON texts."""

    place: str
    metric: str
    field: str
    stored: str
    now: str

    def __str__(self) -> str:
        return f"{self.place}: {self.metric}: {self.field}: {self.stored} -> {self.now}"


@dataclass
class Replayed:
    """What came of a file of judgements: those judged again, and where they differ."""

    judgements: list[Judgement] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many were judged again."""
        return len(self.judgements)


def told(judgement: Judgement) -> str:
    """Return a verdict as text: what it is of, then a line for each thing that it rests on."""
    verdict, case = judgement.verdict, judgement.case
    # A time is any text that sorts; only where all are dates one of them is the oldest.
    days = [point.time[:10] for point in case.reference]
    since = min(days, default="") if all(map(_DAY.fullmatch, days)) else ""
    head = f"{judgement.about or 'verdict'}: {verdict.metric} {shown_status(verdict)}"
    return "\n  ".join([head, *reasons(verdict, case.options, since)])


def replay(path: Path, about: str = "") -> Replayed:
    """Judge every case of a file again: one Judgement as JSON, or JSON lines of them.

    `about`: only those whose words on what was judged contain it.
    """
    result = Replayed()
    for number, entry in json_entries(path, result.problems):
        try:
            stored = _judgement(entry)
            if about not in stored.about:
                continue
            now = cases.judged(stored.case, stored.about)
        except (ValueError, ArithmeticError, RecursionError) as error:
            result.problems.append(Problem(path, number, str(error)))
        except KeyError as error:
            result.problems.append(Problem(path, number, str(error.args[0])))
        else:
            result.judgements.append(now)
            result.differences += differences(f"{path}:{number}", stored, now)
    return result


def _judgement(entry: Json) -> Judgement:
    """Return a judgement from its JSON; ValueError."""
    check_schema(entry, SCHEMA)
    try:
        return codec.from_json(Judgement, entry)
    except ValueError as error:
        raise ValueError(f"not a judgement: {error}") from None


def differences(place: str, stored: Judgement, now: Judgement) -> list[Difference]:
    """Return the fields in which two verdicts on one case differ by any bit."""
    if cases.same(stored, now):
        return []
    found = []
    for each in fields(Verdict):
        before, after = (codec.dumps(getattr(one.verdict, each.name)) for one in (stored, now))
        if before != after:
            found.append(Difference(place, stored.case.metric, each.name, before, after))
    return found
