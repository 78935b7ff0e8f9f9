"""The session: collects and stores outcomes and, at its end, updates the baselines.

The only mutable object. It lives in the controller alone: under xdist no worker writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from accelbench import codec
from accelbench.options import Options
from accelbench.records import Outcome, Run
from accelbench.settings import accepted_by
from accelbench.store import Baselines, Problem, StoreError
from accelbench.store.baselines import SCOPES
from accelbench.store.history import REFERENCE, line_of
from accelbench.store.identity import Scope
from accelbench.store.keeper import Keeper
from accelbench.updating import planned
from accelbench.wording import counted


def opened(options: Options, gates: int) -> Session:
    """Return a session that has heard nothing yet; `gates` is the number of gated metrics."""
    kept = Keeper(options.history)
    return Session(options, gates, Baselines(options.settings.baselines), kept)


@dataclass
class Session:
    """Outcomes by test, in the order they came, and what became of the baselines."""

    options: Options
    gates: int
    baselines: Baselines
    history: Keeper = field(default_factory=lambda: Keeper(None))
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    failed_tests: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def hear(self, test: str, outcomes: list[codec.Json], *, failed: bool) -> None:
        """Take in what a finished test says of its trainings."""
        heard = [codec.from_json(Outcome, each) for each in outcomes]
        self.outcomes += [(test, outcome) for outcome in heard]
        if failed:
            self.failed_tests.add(test)
        for outcome in heard:
            self._store(outcome)

    def _store(self, outcome: Outcome) -> None:
        """Put an outcome's runs into the history at once: a session may be killed."""
        self.history.keep(line_of(outcome.run, outcome.verdicts, expected=outcome.expected))
        for run in outcome.references:
            self.history.keep(line_of(run, role=REFERENCE))
        for judgement in outcome.judgements:
            self.history.keep_judgement(outcome.run.provenance.session_id, judgement)

    def by_test(self) -> dict[str, list[Outcome]]:
        """Return the outcomes of each test, in the order they came."""
        found: dict[str, list[Outcome]] = {}
        for test, outcome in self.outcomes:
            found.setdefault(test, []).append(outcome)
        return found

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
        self.history.close()
        if self.history.complaint is not None:
            self.notes.append(self.history.complaint)

    def problems(self) -> list[Problem]:
        """Return the baseline lines that do not count, of the files this session judged by."""
        for _, outcome in self.outcomes:
            for scope in SCOPES:
                self.baselines.reference(outcome.run, scope)
        return self.baselines.problems

    def _update(self) -> None:
        plan = planned(self.outcomes, self.failed_tests, self.baselines, self.options)
        self.notes += plan.notes
        for reason, runs in plan.opening.items():
            self._write(runs, reason, segment=True)
        self._write(plan.appended, "recorded with --update-baselines", segment=False)

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
        note = f"{counted(count, 'reference run')} recorded in "
        note += counted(len(written), "baseline file")
        self.notes.append(f"{note}, as a new segment: {reason}" if segment else note)
