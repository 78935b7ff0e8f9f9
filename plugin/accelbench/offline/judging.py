"""Judges runs made elsewhere: groups them into cells, and has each gated metric of one judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from accelbench import cases, data, metrics, workload_files
from accelbench.cases import Judgement
from accelbench.contention import contended, contention
from accelbench.declarations import Cell, Declaration, DeclarationError
from accelbench.metrics import Metric
from accelbench.offline.asked import Asked
from accelbench.offline.stored import Against, Memory
from accelbench.records import Run, Verdict
from accelbench.store.identity import Key, key_of, treatment_differences
from accelbench.trajectories import early
from accelbench.verdict import Case, Point, statuses
from accelbench.verdict.evidence import BASE, FRESH, NEW, SECOND_UNIT, UNPAIRED
from accelbench.verdict.trajectory import Trajectory
from accelbench.wording import counted

DEFAULT_METRICS = ("accuracy", "loss", "throughput")
"""What is judged where no workload file says it: those that both the runs and the stored have."""


@dataclass(frozen=True)
class Finding:
    """A verdict, on which cell, and what its message needs.

    `judgement` holds all that the verdict rests on; None where nothing was judged. `since`: the day
    of the oldest reference run. `differs`: the treatment that the reference runs did not have.
    """

    key: Key
    verdict: Verdict
    judgement: Judgement | None = None
    since: str = ""
    differs: tuple[str, ...] = ()


@dataclass
class Findings:
    """What was found, and what was left out and why."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Group:
    """The runs of one cell that one metric is judged by, in the order of time."""

    metric: Metric
    key: Key
    runs: tuple[Run, ...]
    base: tuple[Run, ...]
    digits: int | None
    cell: Cell | None


def judged(runs: Sequence[Run], base: Sequence[Run], memory: Memory, asked: Asked) -> Findings:
    """Return the verdicts on runs; `base` holds the other sides of pairs, for paired methods.

    In a cell the run made first is the one that is screened, all later ones are its fresh runs.
    """
    result = Findings()
    ended = [run for run in _by_time(runs) if _ended_well(run, asked, result)]
    groups = _groups(ended, _by_time(base), memory, asked)
    for group in groups:
        result.findings.append(_judged(group, memory, asked, len(groups), result.notes))
    return result


def _by_time(runs: Sequence[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.provenance.time, run.provenance.run_id))


def _ended_well(run: Run, asked: Asked, result: Findings) -> bool:
    """Tell whether a run can be judged; one that ended otherwise is found as that."""
    declared = _declared(run, asked)
    expected = declared[1].expect if declared and declared[1] else "completed"
    if run.state.name == expected == "completed":
        return True
    good = run.state.name == expected
    message = f"{run.state} as its workload expects" if good else f"expected {expected}"
    if run.message and not good:
        message = f"{message}: {run.message.splitlines()[0]}"
    status = statuses.PASSED if good else statuses.FAILED
    verdict = Verdict(f"({run.state})", status, message=message)
    result.findings.append(Finding(key_of(run, "device"), verdict))
    return False


def _declared(run: Run, asked: Asked) -> tuple[Declaration, Cell | None] | None:
    """Return a run's workload file, and its cell if a tier has one; None without the file."""
    try:
        found = workload_files.find(asked.workloads, run.spec.workload)
    except DeclarationError:
        return None
    same = (
        cell
        for _, cells in found.tiers
        for cell in cells
        if (cell.dataset, cell.epochs, cell.params)
        == (run.spec.dataset, run.spec.epochs, run.spec.params)
    )
    return found, next(same, None)


def _groups(runs: Sequence[Run], base: Sequence[Run], memory: Memory, asked: Asked) -> list[_Group]:
    gathered: dict[tuple[Key, str], list[Run]] = {}
    for run in runs:
        for name in _gated(run, memory, asked):
            key = key_of(run, metrics.metric(name).scope)
            gathered.setdefault((key, name), []).append(run)
    groups = []
    for (key, name), members in gathered.items():
        metric = metrics.metric(name)
        other = tuple(run for run in base if _same_but_for_code(run, key, metric))
        declared = _declared(members[0], asked)
        exact = declared[0].exact_digits if declared and metric.scope == "portable" else None
        cell = declared[1] if declared else None
        groups.append(_Group(metric, key, tuple(members), other, exact, cell))
    return groups


def _same_but_for_code(run: Run, key: Key, metric: Metric) -> bool:
    """Tell whether a run may be the base of a cell: its code may be another, that is the point."""
    return key_of(run, metric.scope).apart_from_workload() == key.apart_from_workload()


def _gated(run: Run, memory: Memory, asked: Asked) -> Iterator[str]:
    """Yield the metrics that a run is judged by."""
    if asked.metrics:
        yield from asked.metrics
        return
    declared = _declared(run, asked)
    if declared and declared[1]:
        yield from declared[1].gates
        return
    for name in DEFAULT_METRICS:
        metric = metrics.metric(name)
        if metric.read(run) is not None and memory.against(metric, run).reference:
            yield name


def _judged(group: _Group, memory: Memory, asked: Asked, gates: int, notes: list[str]) -> Finding:
    metric = group.metric
    measured = [run for run in group.runs if metric.read(run) is not None]
    if not measured:
        message = f"none of {len(group.runs)} runs has a {metric.name}"
        return Finding(group.key, Verdict(metric.name, statuses.INCONCLUSIVE, message=message))
    disturbed = contention(measured[0])
    measured = _quiet(measured, metric, notes)
    if not measured:
        verdict = Verdict(metric.name, statuses.CONTENDED, message=disturbed or "")
        return Finding(group.key, verdict)
    against = memory.against(metric, measured[0])
    if against.changed:
        message = "its workload's file was edited since its baseline was recorded"
        value = metric.read(measured[0])
        verdict = Verdict(
            metric.name, statuses.WORKLOAD_CHANGED, value.value if value else None, message=message
        )
        return Finding(group.key, verdict)
    points = _points(group, measured, asked, notes)
    options = replace(
        asked.options(metric.name, gates, group.cell),
        units=len({point.unit for point in points}),
        chance=asked.chance if asked.chance is not None else _chance(measured[0].spec.dataset),
        exact_digits=group.digits,
        trajectory=early(measured[0], against.runs) if metric.scope == "portable" else Trajectory(),
    )
    case = Case(metric.name, against.reference, against.history, points, options)
    judgement = cases.judged(case, cases.described(measured[0]))
    return Finding(
        group.key, judgement.verdict, judgement, against.since, _differs(measured, against)
    )


def _quiet(runs: Sequence[Run], metric: Metric, notes: list[str]) -> list[Run]:
    """Return the runs that count for a metric: of a timed one, those that nobody disturbed."""
    if metric.scope == "portable":
        return list(runs)
    quiet = [run for run in runs if not contended(run)]
    reasons = {contention(run) for run in runs} - {None}
    if quiet and reasons:
        left_out = counted(len(runs) - len(quiet), "run")
        notes.append(f"{metric.name} of {left_out} left out: {' | '.join(map(str, reasons))}")
    return quiet


def _differs(measured: Sequence[Run], against: Against) -> tuple[str, ...]:
    return treatment_differences(measured[0], against.runs) if against.runs else ()


def _chance(dataset: str) -> float:
    """Return the accuracy of guessing on a data set; 0 where this version does not know it."""
    try:
        return 1 / data.dataset(dataset).classes
    except KeyError:
        return 0.0


def _points(
    group: _Group, measured: Sequence[Run], asked: Asked, notes: list[str]
) -> tuple[Point, ...]:
    """Return the runs as points: the first screens, the others are what confirms."""
    metric, first = group.metric, measured[0]
    if metric.scope == "portable":
        once = _one_a_seed(measured, metric.name, notes)
        return (*cases.points(metric, once[:1]), *cases.points(metric, once[1:], FRESH))
    if asked.method != UNPAIRED:
        return (*cases.points(metric, [first]), *_pairs(group, measured[1:], notes))
    screened = cases.points(metric, [first])
    unit = screened[0].unit
    later = cases.points(metric, measured[1:], FRESH)
    return (
        *screened,
        *(p if p.unit == unit else replace(p, role=SECOND_UNIT) for p in later),
    )


def _one_a_seed(runs: Sequence[Run], name: str, notes: list[str]) -> list[Run]:
    """Return the runs whose seed no earlier one had: two of one seed are one draw, not two."""
    first: dict[int, Run] = {}
    for run in runs:
        earlier = first.setdefault(run.spec.seed, run)
        if earlier is not run:
            notes.append(
                f"{name} of run {run.provenance.run_id} left out: seed {run.spec.seed} is that of "
                f"{earlier.provenance.run_id}, and one seed is one draw"
            )
    return list(first.values())


def _pairs(group: _Group, new: Sequence[Run], notes: list[str]) -> Iterator[Point]:
    """Yield both sides of the pairs, in the order they were run."""
    metric = group.metric
    base = _quiet(group.base, metric, notes)
    sides = [cases.points(metric, new, NEW), cases.points(metric, base, BASE)]
    made = min(map(len, sides))
    spare = max(map(len, sides)) - made
    if spare:
        notes.append(
            f"{metric.name} of {counted(spare, 'run')} left out, without another side of a pair"
        )
    for side in sides:
        yield from (replace(point, pair=number) for number, point in enumerate(side[:made], 1))
