"""The session: collects outcomes and, at its end, updates the baselines. The only mutable object.

It lives in the controller alone: under xdist no worker writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from accelbench import codec
from accelbench.options import Options
from accelbench.records import Outcome, Run
from accelbench.settings import accepted_by
from accelbench.store import Baselines, Problem, StoreError
from accelbench.store.baselines import SCOPES, refusal
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
        runs: list[Run] = []
        for test, outcome in self.outcomes:
            for run in (outcome.run, *outcome.references):
                reason = self._why_not(test, outcome, run)
                if reason is None:
                    runs.append(run)
                else:
                    self.notes.append(f"not recorded: {test}: {reason}")
        opens = [run for run in runs if self._opens_segment(run)]
        plain = [run for run in runs if run not in opens]
        reason = self.options.accept_regression
        self._write(opens, reason or "", segment=True)
        self._write(plain, "recorded with --update-baselines", segment=False)

    def _why_not(self, test: str, outcome: Outcome, run: Run) -> str | None:
        if test in self.failed_tests:
            return "its test failed"
        if not outcome.expected or outcome.run.state.name != "completed":
            return f"the run {outcome.run.state}"
        reference = self.baselines.reference(run, "portable")
        if self._opens_segment(run):
            return None
        return refusal(run, reference, chance(run.spec.dataset))

    def _opens_segment(self, run: Run) -> bool:
        """Tell whether a run belongs to an outcome whose regression was accepted."""
        if self.options.accept_regression is None:
            return False
        return any(
            any(v.status == statuses.REGRESSED for v in outcome.verdicts)
            for _, outcome in self.outcomes
            if run is outcome.run or run in outcome.references
        )

    def _write(self, runs: list[Run], reason: str, *, segment: bool) -> None:
        if not runs:
            return
        root = self.options.settings.root
        try:
            files = self.baselines.add(runs, reason, accepted_by(root), segment=segment)
        except StoreError as error:
            self.errors.append(str(error))
            return
        self.notes.append(f"{len(runs)} reference runs recorded in {files} baseline files")
