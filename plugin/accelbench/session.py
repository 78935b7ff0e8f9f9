"""The session: collects outcomes and, at its end, updates the baselines. The only mutable object.

It lives in the controller alone: under xdist no worker writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from accelbench import codec
from accelbench.check import contended
from accelbench.metrics import metric
from accelbench.options import Options
from accelbench.records import Outcome, Run, Verdict
from accelbench.settings import accepted_by
from accelbench.store import Baselines, Problem, StoreError
from accelbench.store.baselines import SCOPES, refusal
from accelbench.store.identity import Scope, key_of
from accelbench.trainer import chance
from accelbench.verdict import statuses


def opened(options: Options, gates: int) -> Session:
    """Return a session that has heard nothing yet; `gates` is the number of gated metrics."""
    return Session(options, gates, Baselines(options.settings.baselines))


@dataclass
class Session:
    """Outcomes by test, in the order they came, and what became of the baselines."""

    options: Options
    gates: int
    baselines: Baselines
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    failed_tests: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def hear(self, test: str, outcomes: list[codec.Json], *, failed: bool) -> None:
        """Take in what a finished test says of its trainings."""
        self.outcomes += [(test, codec.from_json(Outcome, each)) for each in outcomes]
        if failed:
            self.failed_tests.add(test)

    def finish(self, required: tuple[str, ...]) -> None:
        """Write what is to be written; `errors` then holds what must not pass as green."""
        used = {outcome.run.spec.device for _, outcome in self.outcomes}
        self.errors += [
            f"--require-device {device}: no training ran on it"
            for device in required
            if device not in used
        ]
        if self.options.update_baselines:
            self._update()

    def problems(self) -> list[Problem]:
        """Return the baseline lines that do not count, of the files this session judged by."""
        for _, outcome in self.outcomes:
            for scope in SCOPES:
                self.baselines.reference(outcome.run, scope)
        return self.baselines.problems

    def _update(self) -> None:
        plain: list[tuple[Run, Scope]] = []
        opening: list[tuple[Run, Scope]] = []
        for test, outcome in self.outcomes:
            for scope in (scope for scope in SCOPES if _gated(outcome, scope)):
                target = opening if self._opens_segment(outcome, scope) else plain
                for run in (outcome.run, *outcome.references):
                    reason = self._why_not(test, outcome, run, scope)
                    if reason is None:
                        target.append((run, scope))
                    else:
                        self.notes.append(f"not recorded ({scope} metrics): {test}: {reason}")
        self._write(opening, self.options.accept_regression or "", segment=True)
        self._write(plain, "recorded with --update-baselines", segment=False)

    def _why_not(self, test: str, outcome: Outcome, run: Run, scope: Scope) -> str | None:
        """Return why a run must not become a reference for a scope's metrics, or None."""
        if test in self.failed_tests:
            return "its test failed"
        if scope == "device" and contended(run):
            return "other processes kept the host busy"
        accepted = self._opens_segment(outcome, "portable")
        known = () if accepted else self.baselines.reference(run, "portable").runs
        return refusal(run, known or self._peers(run, accepted), chance(run.spec.dataset))

    def _peers(self, run: Run, accepted: bool) -> tuple[Run, ...]:  # noqa: FBT001  # as its outcome
        """Return the session's own runs of a run's key, where nothing stored is to be kept to.

        Those of an accepted regression have only each other: beside the runs of another device
        that is as good as before, all of them would have collapsed.
        """
        key = key_of(run, "portable")
        return tuple(
            peer
            for _, outcome in self.outcomes
            if self._opens_segment(outcome, "portable") == accepted
            for peer in (outcome.run, *outcome.references)
            if key_of(peer, "portable") == key
        )

    def _opens_segment(self, outcome: Outcome, scope: Scope) -> bool:
        """Tell whether an accepted regression makes an outcome's runs a new reference."""
        if self.options.accept_regression is None:
            return False
        return any(v.status == statuses.REGRESSED for v in _gated(outcome, scope))

    def _write(self, runs: list[tuple[Run, Scope]], reason: str, *, segment: bool) -> None:
        if not runs:
            return
        root = self.options.settings.root
        try:
            written = self.baselines.add(runs, reason, accepted_by(root), segment=segment)
        except StoreError as error:
            self.errors.append(str(error))
            return
        count = len({run.provenance.run_id for fresh in written.values() for run in fresh})
        self.notes.append(f"{count} reference runs recorded in {len(written)} baseline files")


def _gated(outcome: Outcome, scope: Scope) -> list[Verdict]:
    """Return an outcome's verdicts on gated metrics of a scope."""
    return [v for v in outcome.verdicts if v.gated and metric(v.metric).scope == scope]
