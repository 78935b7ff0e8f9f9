"""What the train fixture hands to a test: train a workload, then check what came of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from accelbench import codec, workload_files
from accelbench.check import Court
from accelbench.data import DataDamagedError, DataMissingError
from accelbench.declarations import Cell, Declaration, DeclarationError
from accelbench.devices import Found
from accelbench.lease import LeaseError
from accelbench.options import GATES, OPTIONS, PROPERTY, SESSION_ID, Options
from accelbench.records import Outcome, Run, Scalar, Verdict
from accelbench.report.progress import listener
from accelbench.settings import session_treatment
from accelbench.store import Baselines
from accelbench.trainer import Place, Trainer, missing_framework
from accelbench.verdict import RED, statuses


@dataclass(frozen=True)
class Context:
    """What all trainings of one session share."""

    options: Options
    trainer: Trainer
    baselines: Baselines
    gates: int
    rerun: Callable[[str], list[str]]


CONTEXT = pytest.StashKey[Context]()


def context(config: pytest.Config, scratch: Path) -> Context:
    """Return what all trainings of this session share; `scratch` takes the runs' logs."""
    if CONTEXT not in config.stash:
        config.stash[CONTEXT] = _context(config, scratch)
    return config.stash[CONTEXT]


def _context(config: pytest.Config, scratch: Path) -> Context:
    options = config.stash[OPTIONS]
    plugins = config.pluginmanager
    trainer = Trainer(
        session_id=config.stash[SESSION_ID],
        data_root=options.settings.data_root,
        limits=options.limits,
        treatment=session_treatment(options.settings.root),
        logs=scratch / "accelbench-logs",
        listener=listener(
            plugins.getplugin("terminalreporter"), plugins.getplugin("capturemanager")
        ),
    )
    given = [] if options.tier == "smoke" else ["--tier", options.tier]
    root = config.getoption("--data-root")
    given += ["--data-root", str(root)] if root else []

    def rerun(nodeid: str) -> list[str]:
        file, colons, rest = nodeid.partition("::")
        place = os.path.relpath(config.rootpath / file, config.invocation_params.dir)
        return ["pytest", f"{place}{colons}{rest}", *given]

    baselines = Baselines(options.settings.baselines)
    return Context(options, trainer, baselines, config.stash[GATES], rerun)


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

    def check(self) -> tuple[Verdict, ...]:
        """Judge the run's gated metrics against its baseline; a regression fails the test."""
        if self not in self.train.unchecked:
            pytest.fail(f"{self.cell.name} was checked already: check() once", pytrace=False)
        self.train.unchecked.remove(self)
        if self.run.state.name != self.cell.expect:
            message = f"{self.cell.name} {self.run.state}, expected {self.cell.expect}"
            message += f": {self.run.message}" if self.run.message else ""
            self._report((), message, expected=False)
            pytest.fail(message, pytrace=False)
        verdicts = self._verdicts() if self.cell.expect == "completed" else ()
        self.train.checked_gates += len(self.cell.gates) if verdicts else 0
        red = [v for v in verdicts if v.status in RED and not self._accepted(v)]
        message = "\n".join(v.message for v in red)
        references: list[Run] = []
        try:
            recording = self.train.context.options.update_baselines and self.cell.gates
            if recording and verdicts and not red:
                self.train.again(self, references)
        finally:  # a reference run that crashes must not take this run's verdicts along
            self._report(verdicts, message, references=tuple(references))
        if red:
            pytest.fail(f"{self.cell.name} on {self.run.spec.device}: {message}", pytrace=False)
        return verdicts

    def _accepted(self, verdict: Verdict) -> bool:
        options = self.train.context.options
        return verdict.status == statuses.REGRESSED and options.accept_regression is not None

    def _verdicts(self) -> tuple[Verdict, ...]:
        context = self.train.context
        accept = [*context.rerun(self.train.node.nodeid), "--update-baselines"]
        accept += ["--seeds", "10", "--accept-regression", "REASON"]
        court = Court(context.baselines, context.gates, accept_command=shlex.join(accept))
        return court.verdicts(self.run, self.cell.gates, self.declaration.exact_digits)

    def _report(
        self,
        verdicts: tuple[Verdict, ...],
        message: str,
        *,
        references: tuple[Run, ...] = (),
        expected: bool = True,
    ) -> None:
        self.train.report(
            Outcome(self.run.condensed(), verdicts, references, expected=expected, message=message)
        )
