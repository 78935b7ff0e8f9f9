"""What the train fixture hands to a test: train a workload, then check what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from accelbench import codec, workload_files
from accelbench.check import Court
from accelbench.data import DataDamagedError, DataMissingError
from accelbench.declarations import Cell, Declaration, DeclarationError
from accelbench.devices import Found
from accelbench.lease import LeaseError
from accelbench.options import GATES, OPTIONS, PROPERTY, SESSION_ID, Options
from accelbench.records import INLINE, Outcome, Run, Scalar, Verdict
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
    return Context(options, trainer, Baselines(options.settings.baselines), config.stash[GATES])


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
    unchecked: list[str] = field(default_factory=list)
    runs: int = 0

    def fail_if_unchecked(self) -> None:
        """Fail a test that trained and never checked: it could not have found anything."""
        if self.unchecked:
            pytest.fail(
                f"trained and never checked: {', '.join(self.unchecked)}; "
                "call .check() on what train() returned",
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
            cell = workload if isinstance(workload, Cell) else None
            cell = cell or _default_cell(declaration, options.tier)
            cell = replace(
                cell,
                dataset=dataset or cell.dataset,
                epochs=epochs if epochs is not None else cell.epochs,
                gates=tuple(gates) if gates is not None else cell.gates,
                expect=expect or cell.expect,
                params=declaration.params({**dict(cell.params), **params}),
            )
            run = self._run(declaration, cell)
        except (DeclarationError, DataDamagedError, LeaseError) as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        except DataMissingError as error:
            raise pytest.skip.Exception(str(error)) from None
        return Trained(self, declaration, cell, run)

    def _run(self, declaration: Declaration, cell: Cell) -> Run:
        options = self.context.options
        config = options.settings.device_config(self.device.device)
        missing = missing_framework(declaration, config)
        if missing:
            absent(missing, required=self.device.device in options.required)
        stored = self.context.baselines.seeds(declaration.name)
        seed = self.context.trainer.seed(cell, self.device.device, self.runs, stored)
        self.runs += 1
        run = self.context.trainer.run(declaration, cell, Place(self.device, config), seed)
        if run.state.name not in {"completed", "diverged"}:
            self.report(Outcome(run.condensed(), (), expected=False, message=run.message))
            pytest.fail(f"{cell.name} {run.state}: {run.message}", pytrace=False)
        self.unchecked.append(cell.name)
        return run

    def report(self, outcome: Outcome) -> None:
        """Hand an outcome to the controller, with the test's report."""
        self.node.user_properties.append((PROPERTY, codec.to_json(outcome)))

    def again(self, declaration: Declaration, cell: Cell, count: int) -> tuple[Run, ...]:
        """Train a cell `count` times more, with fresh seeds, to record as references."""
        runs = tuple(self._run(declaration, cell).condensed() for _ in range(count))
        del self.unchecked[len(self.unchecked) - count :]
        return runs


def _default_cell(declaration: Declaration, tier: str) -> Cell:
    cells = declaration.cells(tier) or declaration.cells("smoke")
    if cells:
        return cells[0]
    dataset = INLINE if declaration.input_size == (0, 0) else "digits"
    return Cell(declaration.name, dataset=dataset, epochs=1, gates=())


@dataclass(frozen=True)
class Trained:
    """A training that ended; `check` judges it."""

    train: Train
    declaration: Declaration
    cell: Cell
    run: Run

    def check(self) -> tuple[Verdict, ...]:
        """Judge the run's gated metrics against its baseline; a regression fails the test."""
        self.train.unchecked.remove(self.cell.name)
        options = self.train.context.options
        if self.run.state.name != self.cell.expect:
            message = f"{self.cell.name} {self.run.state}, expected {self.cell.expect}"
            message += f": {self.run.message}" if self.run.message else ""
            self._report((), message, expected=False)
            pytest.fail(message, pytrace=False)
        verdicts = self._verdicts() if self.cell.expect == "completed" else ()
        red = [v for v in verdicts if v.status in RED and not self._accepted(v)]
        again: tuple[Run, ...] = ()
        if options.update_baselines and self.cell.expect == "completed" and not red:
            again = self.train.again(self.declaration, self.cell, options.seeds - 1)
        message = "\n".join(v.message for v in red)
        self._report(verdicts, message, references=again)
        if red:
            pytest.fail(f"{self.cell.name} on {self.run.spec.device}: {message}", pytrace=False)
        return verdicts

    def _accepted(self, verdict: Verdict) -> bool:
        options = self.train.context.options
        return verdict.status == statuses.REGRESSED and options.accept_regression is not None

    def _verdicts(self) -> tuple[Verdict, ...]:
        court = Court(
            baselines=self.train.context.baselines,
            gates=self.train.context.gates,
            accept_command=f'pytest "{self.train.node.nodeid}" --update-baselines '
            '--accept-regression "REASON"',
        )
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
