"""From runs to verdicts: makes the case of a metric, and has it judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelbench import codec, metrics
from accelbench.metrics import Metric
from accelbench.records import Run, Verdict
from accelbench.verdict import Case, Point, judge
from accelbench.verdict.evidence import SCREEN

SCHEMA = 1
"""Schema 1: {schema, about, case, verdict}."""


@dataclass(frozen=True)
class Judgement:
    """A case with its verdict: one JSON holds all that is needed to judge again, bit for bit.

    `about`: what was judged, for a person.
    """

    case: Case
    verdict: Verdict
    about: str = ""
    schema: int = SCHEMA


def judged(case: Case, about: str = "") -> Judgement:
    """Return the judgement of a case; KeyError where this version has no such metric."""
    metric = metrics.metric(case.metric)
    verdict = judge(metric, case.reference, case.history, case.runs, case.options)
    return Judgement(case, verdict, about)


def described(run: Run) -> str:
    """Return what run a judgement is about: its cell, device, seed and id."""
    spec = run.spec
    name = " ".join([spec.workload, *(f"{name}={value}" for name, value in spec.params)])
    return f"{name} on {spec.device}, seed {spec.seed}, run {run.provenance.run_id}"


def same(one: Judgement, other: Judgement) -> bool:
    """Tell whether two judgements are the same, every bit of every number."""
    return codec.dumps(one) == codec.dumps(other)


def point(
    metric: Metric, run: Run, role: str = SCREEN, control: float | None = None
) -> Point | None:
    """Return a metric of a run as a point; None where the run has no such number."""
    reading = metric.read(run)
    if reading is None:
        return None
    source = run.provenance
    unit = str(dict(source.treatment).get("unit", ""))
    return Point(reading, source.session_id, source.time, unit, control, role)


def points(metric: Metric, runs: Sequence[Run], role: str = SCREEN) -> tuple[Point, ...]:
    """Return a metric of runs as points, those that have it."""
    found = (point(metric, run, role) for run in runs)
    return tuple(each for each in found if each is not None)
