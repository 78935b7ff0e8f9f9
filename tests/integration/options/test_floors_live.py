"""Floors and smallest effects, of a cell and of a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

CHECK = """
import pytest

@pytest.mark.gates(2)
def test_own(train):
    train("noise").check({arguments})
"""


def only(project: Project, arguments: str) -> pytest.RunResult:
    """Run one test of its own that checks with some arguments."""
    project.tests(CHECK.format(arguments=arguments))
    return project.run("-m", "cpu", "-k", "test_own", "--no-history")


def test_a_strict_floor_fails_at_once_and_a_soft_one_asks_for_more_runs(
    project: Project,
) -> None:
    project.noise(recorded=True)
    failed = only(project, 'floor={"accuracy": (0.95, "strict")}')
    assert failed.ret == pytest.ExitCode.TESTS_FAILED
    assert project.statuses() == {"accuracy": "failed", "loss": "passed"}
    failed.stdout.fnmatch_lines(["*noise on cpu: accuracy is 0.9, below its floor of 0.95"])
    seed = project.outcomes()[-1]["run"]["spec"]["seed"]
    failed.stdout.fnmatch_lines([f"*seed {seed}"])

    suspected = only(project, 'floor={"accuracy": 0.95}')
    assert suspected.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "inconclusive", "loss": "passed"}
    assert project.verdict("accuracy")["suspected_by"] == ["floor"]
    suspected.stdout.fnmatch_lines(["*inconclusive: suspected by floor; 3 fresh runs would decid*"])

    assert only(project, 'floor={"accuracy": (0.85, "strict"), "loss": 0.3}').ret == 0
    assert project.statuses() == {"accuracy": "passed", "loss": "passed"}


def test_a_cells_soft_floor_fails_when_three_of_four_runs_break_it(project: Project) -> None:
    project.noise(recorded=True)
    project.declare('"floors": {"accuracy": 0.95}')
    before = project.files()
    result = project.run("-m", "cpu", "--update-baselines", "--seeds", "4")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.statuses()["accuracy"] == "failed"
    result.stdout.fnmatch_lines(
        ["*accuracy is 0.9, below its floor of 0.95 in 4 of the first 4 runs"]
    )
    assert project.files() == before


def test_a_floor_holds_without_a_baseline_and_after_an_edit(project: Project) -> None:
    project.noise()
    project.declare('"floors": {"accuracy": (0.95, "strict")}')
    assert project.run("-m", "cpu").ret == pytest.ExitCode.TESTS_FAILED
    assert project.statuses() == {"accuracy": "failed", "loss": "new"}


def test_what_a_check_asks_for_wrongly_is_one_line(plain_project: Project) -> None:
    plain_project.noise()
    known = "accuracy, compile_seconds, *, time_to_accuracy"
    for arguments, says in (
        (
            'floor={"speed": 1}',
            f"*workload noise: unknown metric 'speed' in floors; known: {known}",
        ),
        (
            'floor={"throughput": 1}',
            "*workload noise: floors for 'throughput', which is not gated; gated: accuracy, loss",
        ),
        (
            'floor={"loss": "low"}',
            '*workload noise: the floor of loss must be a number, or (number, "strict"), '
            "not 'low'",
        ),
        (
            "floor=0.9",
            '*workload noise: floors go by metric, as in {"accuracy": 0.5}, not 0.9',
        ),
        (
            'smallest_effect={"loss": -1}',
            "*workload noise: the smallest effect of loss must be a number above 0, not -1",
        ),
    ):
        result = only(plain_project, arguments)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.stdout.fnmatch_lines([says])
        assert "Traceback" not in result.stdout.str()


def test_a_pass_that_saw_too_little_is_blind_and_says_what_it_could_have_seen(
    project: Project,
) -> None:
    project.noise(recorded=True)
    result = only(project, 'smallest_effect={"accuracy": 0.001}')
    assert result.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "blind", "loss": "passed"}
    accuracy = project.verdict("accuracy")
    assert accuracy["detectable"] > 0.001
    seen = f"{100 * accuracy['detectable']:.2g}"
    result.stdout.fnmatch_lines(
        [
            f"*noise accuracy: blind: only a change of {seen} points or more would have been seen, "
            "and 0.1 points matters: record more reference runs"
        ]
    )


def test_learning_says_how_many_runs_are_missing(project: Project) -> None:
    project.noise(recorded=True)
    path = project.baselines / "noise" / "portable.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))
    result = project.run("-m", "cpu")
    assert result.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "learning", "loss": "learning"}
    result.stdout.fnmatch_lines(["*learning: 4 reference runs; 5 are needed to judge"])
