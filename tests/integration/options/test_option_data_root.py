"""--data-root: where data sets lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

SHAPES = "INPUT = [8, 8]"


def cell(dataset: str) -> dict[str, object]:
    return {"dataset": dataset, "epochs": 1, "gates": []}


def test_data_root_is_where_data_sets_are_looked_for_and_decoded(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.steps("embedded", before=SHAPES, cells=[cell("digits")])
    project.steps("external", before=SHAPES, cells=[cell("mnist")])
    monkeypatch.setenv("ACCELBENCH_DATA", str(project.path / "elsewhere"))
    root = project.path / "data"
    result = project.run("-m", "cpu", "--data-root", str(root))
    result.assert_outcomes(passed=1, skipped=1, deselected=project.deselected(22))
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [f"SKIPPED*mnist is not in {root} *: run `accelbench data fetch mnist`, or set *"]
    )
    assert (root / "decoded" / "digits-8x8" / "train_images.npy").is_file()
    assert not (project.path / "elsewhere").exists()


def test_without_the_option_the_environment_says_where(
    plain_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_project.steps("external", before=SHAPES, cells=[cell("mnist")])
    monkeypatch.setenv("ACCELBENCH_DATA", str(plain_project.path / "elsewhere"))
    result = plain_project.run("-m", "cpu")
    result.stdout.fnmatch_lines([f"SKIPPED*mnist is not in {plain_project.path / 'elsewhere'} *"])
