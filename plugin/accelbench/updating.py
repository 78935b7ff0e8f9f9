"""What of a session becomes a reference: the update rule, applied to its outcomes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from accelbench import cases
from accelbench.contention import contended
from accelbench.metrics import metric
from accelbench.options import Options
from accelbench.records import Outcome, Run, Verdict
from accelbench.store import Baselines
from accelbench.store.baselines import SCOPES, refusal
from accelbench.store.identity import Scope, key_of
from accelbench.trainer import chance
from accelbench.verdict import statuses, updates

Named = tuple[str, Outcome]


@dataclass
class Plan:
    """Runs to append to the references, those that open a segment by its reason, and notes."""

    appended: list[tuple[Run, Scope]] = field(default_factory=list)
    opening: dict[str, list[tuple[Run, Scope]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def planned(
    outcomes: Sequence[Named], failed: Collection[str], baselines: Baselines, options: Options
) -> Plan:
    """Return what to record of a session, and why the rest is not."""
    rule = _Rule(outcomes, failed, baselines, options.accept_regression)
    plan = Plan()
    for test, outcome in outcomes:
        for scope in (scope for scope in SCOPES if gated(outcome, scope)):
            reason = rule.against_outcome(test, outcome, scope)
            for run in (outcome.run, *outcome.references):
                why = reason or rule.against_run(outcome, run, scope)
                if why:
                    note = f"not recorded ({scope} metrics): {test}: {why}"
                    plan.notes += [note] if note not in plan.notes else []
                    continue
                opens = rule.opens(outcome, scope)
                target = plan.opening.setdefault(opens, []) if opens else plan.appended
                target.append((run, scope))
    return plan


def gated(outcome: Outcome, scope: Scope) -> list[Verdict]:
    """Return an outcome's verdicts on gated metrics of a scope."""
    return [v for v in outcome.verdicts if v.gated and metric(v.metric).scope == scope]


@dataclass(frozen=True)
class _Rule:
    outcomes: Sequence[Named]
    failed: Collection[str]
    baselines: Baselines
    accepted: str | None

    def against_outcome(self, test: str, outcome: Outcome, scope: Scope) -> str:
        """Return why none of an outcome's runs becomes a reference, or an empty text."""
        if test in self.failed:
            return "its test failed"
        if self.opens(outcome, scope):
            return ""
        for verdict in gated(outcome, scope):
            why = self._against_verdict(outcome, verdict, scope)
            if why:
                return f"{verdict.metric}: {why}"
        return ""

    def _against_verdict(self, outcome: Outcome, verdict: Verdict, scope: Scope) -> str:
        subject = metric(verdict.metric)
        runs = self.baselines.reference(outcome.run, scope).runs
        stored = cases.points(subject, runs)
        learns = scope == "device" and updates.too_few_nights(stored)
        if verdict.status in updates.REFUSED and not (
            learns and verdict.status == statuses.INCONCLUSIVE
        ):
            return f"{verdict.status}; {_HINTS.get(verdict.status, 'run it again')}"
        session = cases.points(subject, [outcome.run, *outcome.references])
        return updates.refusal(subject, stored, session, chance(outcome.run.spec.dataset))

    def against_run(self, outcome: Outcome, run: Run, scope: Scope) -> str | None:
        """Return why one run must not become a reference for a scope's metrics, or None."""
        if scope == "device" and contended(run):
            return "other processes kept the host busy"
        opens = bool(self.opens(outcome, "portable"))
        known = () if opens else self.baselines.reference(run, "portable").runs
        return refusal(run, known or self._peers(run, opens), chance(run.spec.dataset))

    def _peers(self, run: Run, opens: bool) -> tuple[Run, ...]:  # noqa: FBT001  # as its outcome
        """Return the session's own runs of a run's key, where nothing stored is to be kept to.

        Those of an accepted regression have only each other: beside the runs of another device
        that is as good as before, all of them would have collapsed.
        """
        key = key_of(run, "portable")
        return tuple(
            peer
            for _, outcome in self.outcomes
            if bool(self.opens(outcome, "portable")) == opens
            for peer in (outcome.run, *outcome.references)
            if key_of(peer, "portable") == key
        )

    def opens(self, outcome: Outcome, scope: Scope) -> str:
        """Return the reason for which an outcome's runs become a new reference, or nothing.

        A regression, or the suspicion of one, that somebody accepts; or an improvement that fresh
        runs confirmed, if no other metric of the scope got worse.
        """
        verdicts = gated(outcome, scope)
        if any(map(_worse, verdicts)):
            return self.accepted or ""
        better = [v for v in verdicts if v.status == statuses.IMPROVED]
        if not better:
            return ""
        names = ", ".join(v.metric for v in better)
        return f"improved, confirmed by {better[0].new_runs} fresh runs: {names}"


def _worse(verdict: Verdict) -> bool:
    """Tell whether a metric regressed, or may have: a suspicion that was cleared is none."""
    open_ = verdict.status == statuses.INCONCLUSIVE and bool(verdict.suspected_by)
    return open_ or verdict.status == statuses.REGRESSED


_HINTS = {
    statuses.INCONCLUSIVE: "--seeds 10 makes the fresh runs that decide",
    statuses.REGRESSED: "--accept-regression REASON opens a new segment",
    statuses.CONTENDED: "run again on a quiet host",
}
"""What to do next, by verdict."""
