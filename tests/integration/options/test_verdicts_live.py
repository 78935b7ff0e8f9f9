"""A worse training is found: a real workload, judged by the baselines of this checkout."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def hide(project: Project, before: str, after: str) -> None:
    """Let the baselines say that they were recorded with the edited file."""
    for path in project.baselines.rglob("*.jsonl"):
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))


def told(project: Project) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the last training's verdict on its loss; value, reference and bound as texts."""
    (loss,) = [x for x in project.outcomes()[-1]["verdicts"] if x["metric"] == "loss"]
    assert loss["value"] > loss["bound"] > loss["reference"]
    return loss, tuple(f"{loss[name]:.5g}" for name in ("value", "reference", "bound"))


def test_tenth_of_the_learning_rate_is_a_suspicion_that_names_the_runs_that_decide(
    project: Project,
) -> None:
    hide(project, *edit(project))
    result = project.run(*ARGS)
    result.assert_outcomes(passed=1, deselected=project.deselected(11))
    assert result.ret == pytest.ExitCode.OK
    assert project.statuses()["loss"] == "inconclusive"
    loss, (value, reference, bound) = told(project)
    assert "screen" in loss["suspected_by"]
    assert loss["screen_p"] < 0.001
    result.stdout.fnmatch_lines(
        [
            f"mnist_cnn *cpu *loss *{value} *{reference} *{bound} *inconclusive",
            "*inconclusive: suspected by screen*; 3 fresh runs would decide*",
        ]
    )


def test_fresh_runs_confirm_it_with_numbers_and_the_commands_that_show_and_accept_it(
    plain_project: Project,
) -> None:
    hide(plain_project, *edit(plain_project))
    # Nine real trainings: a quarter of a minute each where the cores are shared.
    result = plain_project.run(*ARGS, "--update-baselines", "--seeds", "9", deadline_seconds=900)
    result.assert_outcomes(failed=1, deselected=11)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert plain_project.statuses()["loss"] == "regressed"
    loss, (value, reference, bound) = told(plain_project)
    assert loss["p_value"] <= loss["alpha"]
    assert 0 < loss["interval"][0] < loss["effect"] < loss["interval"][1]
    lines = [
        f"*loss regressed: {value} against {reference}, median of * reference runs in * sessions "
        f"since *, bound {bound}",
        "* +* % (95 % interval +* % to +* %)",
        "* 8 new runs judged by fresh seeds",
        "* p * <= *, its share of 1 % false alarms a session",
        "* suspected by screen*",
        "* seed *; show it again with: accelbench judge --replay .accelbench/verdicts/*.jsonl "
        "--about *",
        "* accept it with: pytest 'bench/test_training.py::test_training[[]mnist_cnn-cpu[]]' "
        "--update-baselines --seeds 10 --accept-regression REASON",
        f"mnist_cnn *cpu *loss *{value} *{reference} *{bound} *regressed",
        "not recorded (portable metrics): *: its test failed",
    ]
    result.stdout.fnmatch_lines(lines)


def test_same_edit_left_visible_is_a_changed_workload_and_no_regression(
    plain_project: Project,
) -> None:
    edit(plain_project)
    result = plain_project.run(*ARGS)
    result.assert_outcomes(passed=1, deselected=11)
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


def test_a_deterministic_workload_regresses_with_one_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise()
    project.append("bench/workloads/noise.py", "\nEXACT_DIGITS = 4\n")
    assert project.run("-m", "cpu", "--update-baselines").ret == pytest.ExitCode.OK
    assert project.run("-m", "cpu").ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "passed", "loss": "passed"}
    monkeypatch.setenv("NOISE_DROP", "1")
    result = project.run("-m", "cpu")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.statuses() == {"accuracy": "regressed", "loss": "regressed"}
    result.stdout.fnmatch_lines(
        [
            "*loss regressed: 0.251 against 0.25, median of 1 reference run in 1 session since *",
            "* deterministic: must be equal to 4 digits",
            "* accept it with: pytest *",
        ]
    )
