"""Judges a whole run: each gated metric against its baseline, the others only shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from accelbench import metrics
from accelbench.records import Reading, Run, Verdict
from accelbench.store import Baselines, Reference
from accelbench.store.identity import treatment_differences
from accelbench.verdict import Question, judge, statuses

FOREIGN_CPU_CORES = 0.10
"""Foreign load, in cores, above which a host's timings are void. One busy process beside a
two-thread step makes it five times slower; a tenth of a core stays below the run-to-run noise."""


def contended(run: Run) -> bool:
    """Tell whether other processes took so much of the run's cores that its timings are void."""
    return (run.counters.foreign_cpu_cores or 0.0) > FOREIGN_CPU_CORES


@dataclass(frozen=True)
class Court:
    """What all judgements of a session share; `gates` is the number of gated metrics in it."""

    baselines: Baselines
    gates: int
    accept_command: str

    def verdicts(
        self, run: Run, gated: Sequence[str], exact_digits: int | None
    ) -> tuple[Verdict, ...]:
        """Return a verdict for each gated metric, then a shown one for every other reading."""
        judged = [self._verdict(run, name, exact_digits) for name in gated]
        shown = []
        for name in metrics.names():
            reading = metrics.metric(name).read(run)
            if name not in gated and reading is not None:
                shown.append(_shown(name, reading))
        return (*judged, *shown)

    def _verdict(self, run: Run, name: str, exact_digits: int | None) -> Verdict:
        metric = metrics.metric(name)
        reading = metric.read(run)
        if reading is None:
            return _without_reading(run, name)
        if metric.scope == "device" and contended(run):
            message = (
                f"other processes used over {FOREIGN_CPU_CORES} cores while it was timed: "
                "run again on a quiet host"
            )
            return Verdict(name, statuses.CONTENDED, reading.value, message=message)
        reference = self.baselines.reference(run, metric.scope)
        if reference.changed:
            return Verdict(
                name,
                statuses.WORKLOAD_CHANGED,
                reading.value,
                message=f"{run.spec.workload}'s file was edited since its baseline was recorded: "
                "--update-baselines --seeds 10 records the new one",
            )
        digits = exact_digits if metric.scope == "portable" else None
        readings = [r for r in map(metric.read, reference.runs) if r is not None]
        verdict = judge(Question(metric, reading, readings, self.gates, exact_digits=digits))
        return self._explained(
            replace(verdict, reference_sessions=reference.sessions), run, reference
        )

    def _explained(self, verdict: Verdict, run: Run, reference: Reference) -> Verdict:
        """Return a regression with its whole message; other verdicts as they are."""
        if verdict.status != statuses.REGRESSED:
            return verdict
        parts = [f"{verdict.metric} regressed: {described(verdict, reference)}"]
        if verdict.message:
            parts.append(verdict.message)
        differences = treatment_differences(run, reference.runs)
        if differences:
            parts.append(f"differs from the reference runs in {'; '.join(differences)}")
        parts.append(f"seed {run.spec.seed}; accept it with: {self.accept_command}")
        return replace(verdict, message="\n  ".join(parts))


def described(verdict: Verdict, reference: Reference) -> str:
    """Return value, reference, bound and rate of a judged metric in one line."""
    text = (
        f"{number(verdict.value)} against {number(verdict.reference)} "
        f"({verdict.reference_runs} runs in {reference.sessions} sessions since "
        f"{reference.since}), bound {number(verdict.bound)}{_change(verdict)}"
    )
    if verdict.p_value is None or verdict.alpha is None:
        return text
    return f"{text}, p {verdict.p_value:.2g} below {verdict.alpha:.2g}"


def _change(verdict: Verdict) -> str:
    """Return the effect in words: points for a fraction, per cent for all else."""
    if verdict.effect is None:
        return ""
    unit = "points" if metrics.metric(verdict.metric).scale == "logit" else "%"
    return f", {100 * verdict.effect:+.2g} {unit}"


def number(value: float | None) -> str:
    """Return a number as the reports show it."""
    return "-" if value is None else f"{value:.5g}"


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
    hint = "set target_accuracy" if name == "time_to_accuracy" else "remove it from gates"
    message = f"{run.spec.workload} has no {name}, which is gated: {hint}"
    return Verdict(name, statuses.FAILED, message=message)
