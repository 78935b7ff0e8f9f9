"""Judges a whole run: each gated metric against its baseline and history, the others only shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from accelbench import cases, metrics
from accelbench.cases import Judgement
from accelbench.contention import contended, contention
from accelbench.declarations import Cell
from accelbench.metrics import Metric
from accelbench.records import Reading, Run, Verdict
from accelbench.store import Baselines, Reference
from accelbench.store.accepted import accepted
from accelbench.store.identity import key_of, treatment_differences
from accelbench.store.past import History
from accelbench.verdict import Case, JudgeOptions, Point, statuses
from accelbench.verdict.evidence import FRESH
from accelbench.wording import reasons


@dataclass(frozen=True)
class Ruling:
    """A verdict, with the judgement behind it where there was something to judge."""

    verdict: Verdict
    judgement: Judgement | None = None


@dataclass(frozen=True)
class Subject:
    """What is judged: a run of a cell, with the `fresh` runs made since, if any.

    `chance` is the accuracy of guessing; `exact_digits` of a deterministic workload.
    """

    run: Run
    cell: Cell
    chance: float = 0.0
    exact_digits: int | None = None
    fresh: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Court:
    """What all judgements of a session share; `gates` is the number of gated metrics in it.

    `show_command`, `accept_command`: what shows a verdict again, and what accepts a regression.
    """

    baselines: Baselines
    history: History
    gates: int
    screen: float
    accept_command: str
    show_command: str = ""

    def rulings(self, subject: Subject) -> tuple[Ruling, ...]:
        """Return a ruling for each gated metric, then a shown one for every other reading."""
        judged = [self._ruling(subject, name) for name in subject.cell.gates]
        shown = []
        for name in metrics.names():
            reading = metrics.metric(name).read(subject.run)
            if name not in subject.cell.gates and reading is not None:
                shown.append(Ruling(_shown(name, reading)))
        return (*judged, *shown)

    def _ruling(self, subject: Subject, name: str) -> Ruling:
        metric, run = metrics.metric(name), subject.run
        reading = metric.read(run)
        if reading is None:
            return Ruling(_without_reading(run, name))
        disturbed = contention(run) if metric.scope == "device" else None
        if disturbed is not None:
            return Ruling(Verdict(name, statuses.CONTENDED, reading.value, message=disturbed))
        reference = self.baselines.reference(run, metric.scope)
        judgement = cases.judged(self._case(metric, subject, reference), cases.described(run))
        if reference.changed and judgement.verdict.status == statuses.NEW:
            # Only its floors could be judged, and it keeps them.
            return Ruling(_changed(run, name, reading))
        verdict = self._explained(judgement, run, reference)
        return Ruling(verdict, judgement)

    def _case(self, metric: Metric, subject: Subject, reference: Reference) -> Case:
        run, cell = subject.run, subject.cell
        portable = metric.scope == "portable"
        options = JudgeOptions(
            gates=self.gates,
            screen=self.screen,
            chance=subject.chance,
            exact_digits=subject.exact_digits if portable else None,
            smallest_effect=dict(cell.smallest_effects).get(metric.name),
            floor=dict(cell.floors).get(metric.name),
        )
        return Case(
            metric.name,
            cases.points(metric, reference.runs),
            self._history(metric, run, reference),
            (*cases.points(metric, [run]), *_fresh(metric, subject.fresh)),
            options,
        )

    def _history(self, metric: Metric, run: Run, reference: Reference) -> tuple[Point, ...]:
        if not reference.runs:
            return ()
        past = self.history.past(key_of(run, metric.scope).digest, metric.name)
        since = min(each.provenance.time for each in reference.runs)
        recorded = {each.provenance.run_id for each in reference.runs}
        return accepted(past, since, {run.provenance.session_id, *recorded})

    def _explained(self, judgement: Judgement, run: Run, reference: Reference) -> Verdict:
        """Return a verdict that somebody must act on with its whole message; others as they are."""
        verdict = judgement.verdict
        if verdict.status == statuses.FAILED:
            return replace(verdict, message=f"{verdict.message}\n  seed {run.spec.seed}")
        if verdict.status == statuses.INCONCLUSIVE and verdict.more and verdict.more.kind == FRESH:
            hint = f"{verdict.message} (--update-baselines --seeds 10 makes them)"
            return replace(verdict, message=hint)
        if verdict.status != statuses.REGRESSED:
            return verdict
        told = reasons(verdict, judgement.case.options, reference.since)
        parts = [f"{verdict.metric} regressed: {told[0]}", *told[1:]]
        differences = treatment_differences(run, reference.runs)
        if differences:
            parts.append(f"differs from the reference runs in {'; '.join(differences)}")
        if self.show_command:
            parts.append(f"seed {run.spec.seed}; show it again with: {self.show_command}")
        parts.append(f"accept it with: {self.accept_command}")
        return replace(verdict, message="\n  ".join(parts))


def _changed(run: Run, name: str, reading: Reading) -> Verdict:
    message = (
        f"{run.spec.workload}'s file was edited since its baseline was recorded: "
        "--update-baselines --seeds 12 records the new one"
    )
    return Verdict(name, statuses.WORKLOAD_CHANGED, reading.value, message=message)


def _fresh(metric: Metric, runs: Sequence[Run]) -> tuple[Point, ...]:
    """Return the fresh runs that count for a metric: of a timed one, the undisturbed."""
    quiet = [run for run in runs if metric.scope == "portable" or not contended(run)]
    return cases.points(metric, quiet, FRESH)


def _shown(name: str, reading: Reading) -> Verdict:
    message = "not reached" if reading.censored else ""
    return Verdict(name, statuses.SHOWN, reading.value, gated=False, message=message)


def _without_reading(run: Run, name: str) -> Verdict:
    """Return the verdict on a gated metric that a run does not have.

    A throughput waits for a steady state; any other gate could never be judged: it must go.
    """
    counters = run.counters
    if name == "throughput":
        steps = counters.steady_steps + counters.warm_up_steps
        message = f"no steady state in {steps} steps: train longer, or drop the gate"
        return Verdict(name, statuses.INCONCLUSIVE, message=message)
    needs_target = name in {"time_to_accuracy", "epochs_to_accuracy"}
    has_target = counters.target_accuracy is not None
    if needs_target and has_target and run.evaluation and run.evaluation.accuracy is not None:
        message = f"{run.spec.device} evaluates once, at the end: {name} is not known there"
        return Verdict(name, statuses.INCONCLUSIVE, message=message)
    hint = "remove it from gates"
    if needs_target and not has_target:
        hint = "set target_accuracy"
    message = f"{run.spec.workload} has no {name}, which is gated: {hint}"
    return Verdict(name, statuses.FAILED, message=message)
