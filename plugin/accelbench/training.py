"""What the train fixture hands to a test: train a workload, then check what came of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from accelbench import codec, workload_files
from accelbench.check import Court, Ruling, Subject
from accelbench.context import Context
from accelbench.data import DataDamagedError, DataMissingError
from accelbench.declarations import Cell, Declaration, DeclarationError, effects_of, floors_of
from accelbench.devices import Found
from accelbench.lease import LeaseError
from accelbench.options import PROPERTY
from accelbench.records import Outcome, Run, Scalar, Verdict
from accelbench.store.history import verdicts_path
from accelbench.trainer import Place, chance, missing_framework
from accelbench.verdict import RED
from accelbench.verdict.statuses import REGRESSED


def absent(reason: str, *, required: bool) -> None:
    """Skip the test for want of a device or a framework; fail it where that is required."""
    if required:
        pytest.fail(f"{reason} (--require-device)", pytrace=False)
    pytest.skip(reason)


@dataclass
class Train:
    """Trains on one device; remembers what was not checked yet."""

    context: Context
    node: pytest.Item
    device: Found
    unchecked: list[Trained] = field(default_factory=list)
    runs: int = 0
    checked_gates: int = 0

    def settle(self, counted_gates: int) -> None:
        """Fail a test that never checked what it trained, or checked more than was counted.

        The first could not have found anything; the second breaks the session's error rate.
        """
        if self.unchecked:
            names = ", ".join(trained.cell.name for trained in self.unchecked)
            pytest.fail(
                f"trained and never checked: {names}; call .check() on what train() returned",
                pytrace=False,
            )
        if self.checked_gates > counted_gates:
            pytest.fail(
                f"checked {self.checked_gates} gated metrics where {counted_gates} were counted, "
                "so that the session's rate of false alarms does not hold: mark the test "
                f"@pytest.mark.gates({self.checked_gates})",
                pytrace=False,
            )

    def __call__(  # what a user may say of a training
        self,
        workload: str | Cell,
        *,
        dataset: str | None = None,
        epochs: int | None = None,
        gates: Sequence[str] | None = None,
        expect: str | None = None,
        **params: Scalar,
    ) -> Trained:
        """Train a workload, by name with its parameters, or a cell of the tier.

        What is not said comes from the workload's first cell of the tier. A run that crashed or
        passed a time limit fails the test at once, with the end of the worker's output.
        """
        options = self.context.options
        name = workload.workload if isinstance(workload, Cell) else workload
        try:
            declaration = workload_files.find(options.settings.workloads, name)
            cell = declaration.cell(
                workload if isinstance(workload, Cell) else options.tier,
                dataset=dataset,
                epochs=epochs,
                gates=gates,
                expect=expect,
                params=params.items(),
            )
            run = self._run(declaration, cell)
        except (DeclarationError, DataDamagedError, LeaseError) as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        except DataMissingError as error:
            raise pytest.skip.Exception(str(error)) from None
        trained = Trained(self, declaration, cell, run)
        self.unchecked.append(trained)
        return trained

    def _run(self, declaration: Declaration, cell: Cell) -> Run:
        options = self.context.options
        config = options.settings.device_config(self.device.device)
        missing = missing_framework(declaration, config)
        if missing:
            absent(missing, required=self.device.device in options.required)
        stored = self.context.baselines.seeds(declaration.name)
        seed = self.context.trainer.seed(self.node.nodeid, self.runs, stored)
        self.runs += 1
        run = self.context.trainer.run(declaration, cell, Place(self.device, config), seed)
        if run.state.name not in {"completed", "diverged"}:
            self.report(Outcome(run.condensed(), (), expected=False, message=run.message))
            pytest.fail(f"{cell.name} {run.state}: {run.message}", pytrace=False)
        return run

    def report(self, outcome: Outcome) -> None:
        """Hand an outcome to the controller, with the test's report."""
        self.node.user_properties.append((PROPERTY, codec.to_json(outcome)))

    def again(self, trained: Trained, references: list[Run]) -> None:
        """Train a cell again with fresh seeds, until `--seeds` are there to record."""
        while len(references) < self.context.options.seeds - 1:
            references.append(self._run(trained.declaration, trained.cell).condensed())


@dataclass(frozen=True, eq=False)
class Trained:
    """A training that ended; `check` judges it."""

    train: Train
    declaration: Declaration
    cell: Cell
    run: Run

    def check(
        self,
        *,
        floor: Mapping[str, object] | None = None,
        smallest_effect: Mapping[str, object] | None = None,
    ) -> tuple[Verdict, ...]:
        """Judge the run's gated metrics against its baseline; a regression fails the test.

        By metric, where they are not the cell's own: `floor={"accuracy": 0.9}`, an absolute limit
        that three of the first four runs must not break, or `(0.5, "strict")`, that none may;
        `smallest_effect={"accuracy": 0.01}`, the smallest change that matters.
        """
        if self not in self.train.unchecked:
            pytest.fail(f"{self.cell.name} was checked already: check() once", pytrace=False)
        self.train.unchecked.remove(self)
        cell = self._cell(floor, smallest_effect)
        if self.run.state.name != cell.expect:
            message = f"{cell.name} {self.run.state}, expected {cell.expect}"
            message += f": {self.run.message}" if self.run.message else ""
            self._report((), message, expected=False)
            pytest.fail(message, pytrace=False)
        return self._judged(cell) if cell.expect == "completed" else self._ended_as_expected()

    def _ended_as_expected(self) -> tuple[Verdict, ...]:
        self._report((), "")
        return ()

    def _cell(
        self, floor: Mapping[str, object] | None, effect: Mapping[str, object] | None
    ) -> Cell:
        name = self.declaration.name
        try:
            cell = self.cell
            if floor is not None:
                cell = replace(cell, floors=floors_of(name, floor))
            if effect is not None:
                cell = replace(cell, smallest_effects=effects_of(name, effect))
        except DeclarationError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        return cell

    def _judged(self, cell: Cell) -> tuple[Verdict, ...]:
        rulings = self._rulings(cell, ())
        self.train.checked_gates += len(cell.gates)
        references: list[Run] = []
        try:
            if self._records(cell) and not self._red(rulings):
                self.train.again(self, references)
                if references:
                    # What is recorded are fresh seeds: they decide what one run left open.
                    rulings = self._rulings(cell, tuple(references))
        finally:  # a reference run that crashes must not take this run's verdicts along
            red = self._red(rulings)
            message = "\n".join(verdict.message for verdict in red)
            self._report(rulings, message, references=tuple(references))
        if red:
            pytest.fail(f"{cell.name} on {self.run.spec.device}: {message}", pytrace=False)
        return tuple(ruling.verdict for ruling in rulings)

    def _records(self, cell: Cell) -> bool:
        return self.train.context.options.update_baselines and bool(cell.gates)

    def _red(self, rulings: Sequence[Ruling]) -> list[Verdict]:
        """Return the verdicts that fail the test: not a regression that was accepted."""
        accepts = self.train.context.options.accept_regression is not None
        verdicts = [ruling.verdict for ruling in rulings]
        return [v for v in verdicts if v.status in RED and not (accepts and v.status == REGRESSED)]

    def _rulings(self, cell: Cell, fresh: tuple[Run, ...]) -> tuple[Ruling, ...]:
        context, node = self.train.context, self.train.node
        accept = [*context.rerun(node.nodeid), "--update-baselines"]
        accept += ["--seeds", "10", "--accept-regression", "REASON"]
        court = Court(
            context.baselines,
            context.history,
            context.gates,
            context.options.screen,
            accept_command=shlex.join(accept),
            show_command=self._show_command(),
        )
        guessing = chance(self.run.spec.dataset)
        digits = self.declaration.exact_digits
        return court.rulings(Subject(self.run, cell, guessing, digits, fresh))

    def _show_command(self) -> str:
        """Return what judges the stored case again; nothing without a history to store it in."""
        folder = self.train.context.options.history
        if folder is None:
            return ""
        source = self.run.provenance
        path = os.path.relpath(verdicts_path(folder, source.session_id), Path.cwd())
        return shlex.join(["accelbench", "judge", "--replay", path, "--about", source.run_id])

    def _report(
        self,
        rulings: Sequence[Ruling],
        message: str,
        *,
        references: tuple[Run, ...] = (),
        expected: bool = True,
    ) -> None:
        self.train.report(
            Outcome(
                self.run.condensed(),
                tuple(ruling.verdict for ruling in rulings),
                references,
                expected=expected,
                message=message,
                judgements=tuple(codec.dumps(r.judgement) for r in rulings if r.judgement),
            )
        )
