"""A worse training is found: a real workload, judged by the baselines of this checkout."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

from accelbench import fingerprint

CHECKOUT = Path(__file__).parents[3]
RATE = '"learning_rate": 1e-3'
ARGS = ("-m", "cpu", "-k", "mnist_cnn")


def edit(project: Project) -> tuple[str, str]:
    """Copy mnist_cnn with its baselines, its learning rate divided by ten; both fingerprints."""
    stored = CHECKOUT / "baselines" / "mnist_cnn"
    if not (stored / "portable.jsonl").is_file():
        pytest.skip("this checkout has no baselines of mnist_cnn")
    project.real("mnist_cnn")
    shutil.copytree(stored, project.baselines / "mnist_cnn")
    path = project.workloads / "mnist_cnn.py"
    before = fingerprint.code_fingerprint(ast.parse(path.read_text()))
    source = path.read_text()
    assert source.count(RATE) == 1
    path.write_text(source.replace(RATE, '"learning_rate": 1e-4'))
    return before, fingerprint.code_fingerprint(ast.parse(path.read_text()))


def test_tenth_of_the_learning_rate_is_a_regression_with_numbers_and_command(
    project: Project,
) -> None:
    before, after = edit(project)
    for path in project.baselines.rglob("*.jsonl"):
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))
    result = project.run(*ARGS)
    result.assert_outcomes(failed=1, deselected=project.deselected(7))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.statuses()["loss"] == "regressed"
    (loss,) = [x for x in project.outcomes()[0]["verdicts"] if x["metric"] == "loss"]
    value, reference, bound = (f"{loss[name]:.5g}" for name in ("value", "reference", "bound"))
    result.stdout.fnmatch_lines(
        [
            f"*loss regressed: {value} against {reference} (* runs in * sessions since *), "
            f"bound {bound}, +* %, p * below *",
            "*accept it with: pytest 'bench/test_training.py::test_training[[]mnist_cnn-cpu[]]' "
            "--update-baselines --seeds 10 --accept-regression REASON",
            f"mnist_cnn *cpu *loss *{value} *{reference} *{bound} *regressed",
        ]
    )
    assert loss["value"] > loss["bound"] > loss["reference"]


def test_same_edit_left_visible_is_a_changed_workload_and_no_regression(
    plain_project: Project,
) -> None:
    edit(plain_project)
    result = plain_project.run(*ARGS)
    result.assert_outcomes(passed=1, deselected=7)
    assert plain_project.statuses() == {"accuracy": "workload changed", "loss": "workload changed"}
    result.stdout.fnmatch_lines(
        ["*: workload changed: mnist_cnn's file was edited since its baseline was recorded: *"]
    )


def test_edited_workload_is_changed_and_a_new_comment_is_no_edit(project: Project) -> None:
    project.noise(recorded=True)
    project.append("bench/workloads/noise.py", "\n# What somebody thought of it.\n")
    assert project.run("-m", "cpu").ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "passed", "loss": "passed"}
    project.append("bench/workloads/noise.py", "\nOTHER = 1\n")
    assert project.run("-m", "cpu").ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "workload changed", "loss": "workload changed"}
