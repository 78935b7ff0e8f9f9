"""--accept-regression REASON: a regression becomes the new reference, and says why."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

COMMAND = "accept it with: "


def test_regression_is_refused_and_its_message_holds_the_command_that_accepts_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    before = project.files()
    monkeypatch.setenv("NOISE_DROP", "100")

    refused = project.run("-m", "cpu", "--update-baselines", "--seeds", "9")
    assert refused.ret == pytest.ExitCode.TESTS_FAILED
    assert project.statuses() == {"accuracy": "regressed", "loss": "regressed"}
    refused.stdout.fnmatch_lines(["not recorded*test_training[[]noise-cpu[]]: its test failed"])
    assert project.files() == before

    (command, *_) = [line.partition(COMMAND)[2] for line in refused.outlines if COMMAND in line]
    program, target, *options = shlex.split(command)
    assert (program, target) == ("pytest", "bench/test_training.py::test_training[noise-cpu]")
    assert options == ["--update-baselines", "--seeds", "10", "--accept-regression", "REASON"]
    accepted = project.pytester.runpytest_subprocess(
        target, *project.args, *(each.replace("REASON", "SDK 7") for each in options)
    )
    assert accepted.ret == pytest.ExitCode.OK
    accepted.stdout.fnmatch_lines(
        ["10 reference runs recorded in 1 baseline file, as a new segment: SDK 7"]
    )
    after = project.files()
    assert list(after) == list(before)
    assert all(after[name].startswith(before[name]) for name in before), "the old segment is kept"
    added = project.lines()[10:]
    assert {line["segment"] for line in project.lines()[:10]} == {1}
    assert [line["segment"] for line in added] == [2] * 10
    assert {line["reason"] for line in added} == {"SDK 7"}

    judged = project.run("-m", "cpu")
    assert judged.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "passed", "loss": "passed"}
    accuracy = project.outcomes()[-1]["verdicts"][0]
    assert accuracy["reference"] == 0.8
    assert accuracy["reference_runs"] == 10


def test_a_mere_suspicion_can_be_accepted_with_one_run_and_is_learning_then(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    monkeypatch.setenv("NOISE_DROP", "100")
    accepted = project.run("-m", "cpu", "--update-baselines", "--accept-regression", "less data")
    assert accepted.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "inconclusive", "loss": "inconclusive"}
    accepted.stdout.fnmatch_lines(
        ["1 reference run recorded in 1 baseline file, as a new segment: less data"]
    )
    (line,) = project.lines()[10:]
    assert (line["segment"], line["reason"]) == (2, "less data")
    assert project.run("-m", "cpu").ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "learning", "loss": "learning"}


def test_a_regression_of_one_test_that_is_accepted_moves_no_other_tests_reference(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    project.steps("other")
    monkeypatch.setenv("NOISE_DROP", "100")
    done = project.run("-m", "cpu", "--update-baselines", "--accept-regression", "less data")
    assert done.ret == pytest.ExitCode.OK
    assert {line["segment"] for line in project.lines("other")} == {1}
    assert {line["reason"] for line in project.lines("other")} == {
        "recorded with --update-baselines"
    }


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("SDK 7",), "--accept-regression and --seeds need --update-baselines"),
        ((" ", "--update-baselines"), "--accept-regression needs a reason: *"),
    ],
)
def test_wrong_use_is_a_usage_error_in_one_line(
    project: Project, args: tuple[str, ...], says: str
) -> None:
    result = project.run("--accept-regression", *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {says}"])
    assert "Traceback" not in result.stderr.str()
