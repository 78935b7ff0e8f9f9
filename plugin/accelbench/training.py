"""What the train fixture hands to a test: trains a workload, here or on a second device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from accelbench import codec, workload_files
from accelbench.context import Context
from accelbench.data import DataDamagedError, DataMissingError
from accelbench.declarations import Cell, Declaration, DeclarationError
from accelbench.devices import Found, Unavailable, UnknownDeviceError
from accelbench.lease import LeaseError
from accelbench.options import PROPERTY
from accelbench.records import Outcome, Run, Scalar
from accelbench.trained import Trained
from accelbench.trainer import Place, missing_framework, refused

UNSUPPORTED = "unsupported"
"""The state of a run whose worker found that its SDK lacks what the workload asks for."""


def absent(reason: str, *, required: bool) -> None:
    """Skip the test for want of a device or a framework; fail it where that is required."""
    if required:
        pytest.fail(f"{reason} (--require-device)", pytrace=False)
    pytest.skip(reason)


@dataclass
class Train:
    """Trains on one device, or on another by its id; remembers what was not checked yet."""

    context: Context
    node: pytest.Item
    device: Found
    find: Callable[[str], Found | Unavailable]
    unchecked: list[Trained] = field(default_factory=list)
    runs: int = 0
    checked_gates: int = 0

    @property
    def tier(self) -> str:
        """The session's tier: smoke, nightly or paper."""
        return self.context.options.tier

    def rounds(self, count: int) -> range:
        """Return the numbers of a test's rounds: `--seeds` of them where more are to be recorded.

        For a test that repeats its runs itself and hands them to `check(repeats=...)`.
        """
        return range(max(count, self.context.options.seeds))

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

    def __call__(  # noqa: PLR0913  # what a user may say of a training
        self,
        workload: str | Cell,
        *,
        on: str | None = None,
        seed: int | None = None,
        dataset: str | None = None,
        epochs: int | None = None,
        gates: Sequence[str] | None = None,
        expect: str | None = None,
        mode: str | None = None,
        **params: Scalar,
    ) -> Trained:
        """Train a workload, by name with its parameters, or a cell of the tier.

        What is not said comes from the workload's first cell of the tier. `on` names another
        device than the test's, which is skipped or required as that one; `seed` repeats a seed,
        so that two devices train on the same numbers. A run that crashed or passed a time limit
        fails the test at once, with the end of the worker's output.
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
                mode=mode,
                params=params.items(),
            )
            place = self._place(on)
            run = self.run(declaration, cell, place, seed)
        except (DeclarationError, DataDamagedError, LeaseError, UnknownDeviceError) as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        except DataMissingError as error:
            raise pytest.skip.Exception(str(error)) from None
        trained = Trained(self, declaration, cell, place, run)
        self.unchecked.append(trained)
        return trained

    def _place(self, device: str | None) -> Place:
        """Return where to train: on the test's own device, or on another one, found now."""
        options = self.context.options
        found = self.device if device in {None, self.device.device} else self.find(str(device))
        if isinstance(found, Unavailable):
            absent(f"{device}: {found.reason}", required=device in options.required)
            raise AssertionError("absent() always raises")
        return Place(found, options.settings.device_config(found.device))

    def run(
        self, declaration: Declaration, cell: Cell, place: Place, seed: int | None = None
    ) -> Run:
        """Train a cell once, with a fresh seed where none is given; a broken run fails the test."""
        device = place.device
        refusal = refused(declaration, cell, place)
        if refusal is not None:
            pytest.skip(refusal)
        missing = missing_framework(declaration, place.config)
        missing = missing or self.context.estimates.refusal(cell, device)
        if missing:
            absent(missing, required=device.device in self.context.options.required)
        if seed is None:
            stored = self.context.baselines.seeds(declaration.name)
            seed = self.context.trainer.seed(self.node.nodeid, self.runs, stored)
        self.runs += 1
        run = self.context.trainer.run(declaration, cell, place, seed)
        self.context.estimates.note(cell, run)
        if run.state.name == UNSUPPORTED:
            pytest.skip(run.message.splitlines()[0].partition(": ")[2])
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
            fresh = self.run(trained.declaration, trained.cell, trained.place)
            references.append(fresh.condensed())
