"""A training that ended, as a test has it: judged against its baseline, or measured by the test."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelbench import codec
from accelbench.check import Court, Ruling, Subject
from accelbench.declarations import Cell, Declaration, DeclarationError, effects_of, floors_of
from accelbench.metrics import metric
from accelbench.metrics.scaling_efficiency import rate
from accelbench.records import Outcome, Pairs, Run, Scalar, Verdict
from accelbench.store.history import verdicts_path
from accelbench.trainer import Place, chance
from accelbench.verdict import RED
from accelbench.verdict.statuses import REGRESSED

if TYPE_CHECKING:
    from accelbench.training import Train


REPEAT = "repeat"
"""The role of a run that a test made beside the one that it had judged."""

CHECKED = "lowers for training and evaluation, nothing was measured"
"""What is said of a run on a device that only checks whether a training can be compiled for it."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A training that ended; `check` judges it, `measured` leaves that to the test."""

    train: Train
    declaration: Declaration
    cell: Cell
    place: Place
    run: Run

    def check(
        self,
        *,
        floor: Mapping[str, object] | None = None,
        smallest_effect: Mapping[str, object] | None = None,
        repeats: Sequence[Trained] = (),
        published: Mapping[str, Scalar] | None = None,
    ) -> tuple[Verdict, ...]:
        """Judge the run's gated metrics against its baseline; a regression fails the test.

        By metric, where they are not the cell's own: `floor={"accuracy": 0.9}`, an absolute limit
        that three of the first four runs must not break, or `(0.5, "strict")`, that none may;
        `smallest_effect={"accuracy": 0.01}`, the smallest change that matters.
        `repeats`: the same cell trained again by this test, with fresh seeds. They decide what
        this run left open, and are recorded with it. `published`: figures of a report, shown.
        On a device that measures nothing there is nothing to judge: what cannot be compiled for it
        has failed the test before.
        """
        self._settled()
        for repeat in repeats:
            repeat._settled()
            repeat._ended()
        cell = self._cell(floor, smallest_effect)
        self._ended()
        shown = tuple((published or {}).items())
        if not self.place.device.measures:
            return self._only_checked(repeats)
        if cell.expect == "completed":
            return self._judged(cell, repeats, shown)
        self._report(Outcome(self.run, (), published=shown))
        return ()

    def measured(
        self,
        role: str,
        *,
        verdicts: Sequence[Verdict] = (),
        published: Mapping[str, Scalar] | None = None,
    ) -> Run:
        """Return the run to a test that judges it itself: no baseline does.

        It is stored under its `role` (such as "scaling"), with what the test says of it.
        """
        self._settled()
        self._ended()
        run = replace(self.run, spec=replace(self.run.spec, role=role))
        message = "" if self.place.device.measures else CHECKED
        figures = tuple((published or {}).items())
        self._report(Outcome(run, tuple(verdicts), message=message, published=figures))
        return run

    def beside(self, alone: Trained) -> Trained:
        """Return this training with the throughput of one replica on record, measured beside it."""
        counters = replace(self.run.counters, one_replica_throughput=rate(alone.run))
        joined = replace(self, run=replace(self.run, counters=counters))
        place = self.train.unchecked.index(self)
        self.train.unchecked[place] = joined
        return joined

    def smallest_effect(self, name: str) -> float:
        """Return the smallest change of a metric that matters here: the cell's, or its own."""
        return dict(self.cell.smallest_effects).get(name, metric(name).smallest_effect)

    @property
    def command(self) -> str:
        """What trains the same once more, with the same seed."""
        spec, declaration = self.run.spec, self.declaration
        command = ["accelbench", "run", spec.workload, "--device", spec.device]
        command += ["--dataset", spec.dataset, "--epochs", str(spec.epochs)]
        unsaid = declaration.cell("smoke")  # the command takes from it what it is not told
        command += ["--mode", self.cell.mode] if self.cell.mode != unsaid.mode else []
        defaults = dict(declaration.defaults)
        params = {**{key: defaults[key] for key, _ in unsaid.params}, **dict(spec.params)}
        command += ["--seed", str(spec.seed), *(f"{key}={value}" for key, value in params.items())]
        return shlex.join(command)

    def _settled(self) -> None:
        if self not in self.train.unchecked:
            pytest.fail(f"{self.cell.name} was checked already: check() once", pytrace=False)
        self.train.unchecked.remove(self)

    def _ended(self) -> None:
        """Fail the test where the run did not end as its cell says.

        Where nothing is trained nothing diverges.
        """
        expected = self.cell.expect if self.place.device.measures else "completed"
        if self.run.state.name == expected:
            return
        message = f"{self.cell.name} {self.run.state}, expected {expected}"
        message += f": {self.run.message}" if self.run.message else ""
        self._report(Outcome(self.run, (), expected=False, message=message))
        pytest.fail(message, pytrace=False)

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

    def _judged(
        self, cell: Cell, repeats: Sequence[Trained], published: Pairs
    ) -> tuple[Verdict, ...]:
        rulings = self._rulings(cell, tuple(repeat.run for repeat in repeats))
        self.train.checked_gates += len(cell.gates)
        references = self._repeated(cell, repeats)
        try:
            if self._records(cell) and not self._red(rulings):
                self.train.again(self, references)
                if references:
                    # What is recorded are fresh seeds: they decide what one run left open.
                    rulings = self._rulings(cell, tuple(references))
        finally:  # a reference run that crashes must not take this run's verdicts along
            red = self._red(rulings)
            message = "\n".join(verdict.message for verdict in red)
            self._report(
                Outcome(
                    self.run,
                    tuple(ruling.verdict for ruling in rulings),
                    tuple(references),
                    message=message,
                    judgements=tuple(codec.dumps(r.judgement) for r in rulings if r.judgement),
                    published=published,
                )
            )
        if red:
            pytest.fail(f"{cell.name} on {self.run.spec.device}: {message}", pytrace=False)
        return tuple(ruling.verdict for ruling in rulings)

    def _only_checked(self, repeats: Sequence[Trained]) -> tuple[Verdict, ...]:
        """Report runs that measured nothing: without verdicts, so that none is ever recorded."""
        for trained in (self, *repeats):
            self._report(Outcome(trained.run, (), message=CHECKED))
        return ()

    def _repeated(self, cell: Cell, repeats: Sequence[Trained]) -> list[Run]:
        """Return repeats as reference runs where those are recorded, else report each as it is."""
        if self._records(cell):
            return [repeat.run.condensed() for repeat in repeats]
        for repeat in repeats:
            run = replace(repeat.run, spec=replace(repeat.run.spec, role=REPEAT))
            self._report(Outcome(run, ()))
        return []

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

    def _report(self, outcome: Outcome) -> None:
        self.train.report(replace(outcome, run=outcome.run.condensed()))
