"""The command that trains the same once more: read by the command line itself."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from accelbench import workload_files
from accelbench.cli.run import command as run_command
from accelbench.declarations import Cell, Declaration
from accelbench.devices import DeviceConfig, Found
from accelbench.records import Run
from accelbench.trained import Trained
from accelbench.trainer import Place

if TYPE_CHECKING:
    from accelbench.training import Train

WORKLOAD = """
FRAMEWORK = "torch"
TRAINED_BY = "torch"
PARAMETERS = {"batch_size": 8, "rate": 0.5, "name": "a", "flag": False}
TIERS = {
    "smoke": [
        {
            "dataset": "inline",
            "epochs": 1,
            "gates": [],
            "params": {"rate": 0.25, "flag": True},
            "mode": "compile",
        },
        {"dataset": "inline", "epochs": 1, "gates": []},
    ],
    "nightly": [
        {"dataset": "inline", "epochs": 3, "gates": [], "params": {"name": "b c"}},
    ],
}
"""


@pytest.fixture
def declaration(tmp_path: Path) -> Declaration:
    (tmp_path / "some.py").write_text(WORKLOAD)
    return workload_files.find(tmp_path, "some")


def trained(declaration: Declaration, cell: Cell, run: Run) -> Trained:
    spec = replace(run.spec, workload="some", dataset=cell.dataset, epochs=cell.epochs)
    spec = replace(spec, params=cell.params, seed=77)
    place = Place(Found("cpu", "a cpu", ("cpu",)), DeviceConfig(("python",)))
    nobody = cast("Train", SimpleNamespace())
    return Trained(nobody, declaration, cell, place, replace(run, spec=spec))


def read(declaration: Declaration, line: str) -> tuple[Cell, dict[str, Any]]:
    """Return the cell that the command would train, as it does, with its other options."""
    program, name, *arguments = shlex.split(line)
    assert (program, name) == ("accelbench", "run")
    given = run_command.make_context("run", arguments).params
    params = declaration.parsed(dict(each.split("=", 1) for each in given["more"]))
    said = {key: given[key] for key in ("dataset", "epochs", "mode")}
    return declaration.cell("smoke", params=params, **said), given


@pytest.mark.parametrize(("tier", "number"), [("smoke", 0), ("smoke", 1), ("nightly", 0)])
def test_the_command_trains_the_same_whatever_the_smoke_tier_begins_with(
    declaration: Declaration, make_run: Callable[..., Run], tier: str, number: int
) -> None:
    cell = declaration.cells(tier)[number]
    again, given = read(declaration, trained(declaration, cell, make_run()).command)
    defaults = dict(declaration.defaults)
    assert {**defaults, **dict(again.params)} == {**defaults, **dict(cell.params)}
    assert (again.dataset, again.epochs, again.mode) == (cell.dataset, cell.epochs, cell.mode)
    assert (given["workload"], given["device"], given["seed"]) == ("some", "cpu", 77)


def test_a_mode_of_ones_own_is_in_the_command(
    declaration: Declaration, make_run: Callable[..., Run]
) -> None:
    cell = declaration.cell("nightly", mode="graph")
    assert " --mode graph " in trained(declaration, cell, make_run()).command
    usual = declaration.cell("smoke")
    assert "--mode" not in trained(declaration, usual, make_run()).command
