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

    refused = project.run("-m", "cpu", "--update-baselines", "--seeds", "5")
    assert refused.ret == pytest.ExitCode.TESTS_FAILED
    assert project.statuses() == {"accuracy": "regressed", "loss": "regressed"}
    refused.stdout.fnmatch_lines(["not recorded*test_training[[]noise-cpu[]]: its test failed"])
    assert project.files() == before

    (command, *_) = [line.partition(COMMAND)[2] for line in refused.outlines if COMMAND in line]
    program, target, *options = shlex.split(command)
    assert (program, target) == ("pytest", "bench/test_training.py::test_training[noise-cpu]")
    accepted = project.pytester.runpytest_subprocess(
        target, *project.args, *(each.replace("REASON", "SDK 7") for each in options), "--seeds=5"
    )
    assert accepted.ret == pytest.ExitCode.OK
    after = project.files()
    assert list(after) == list(before)
    assert all(after[name].startswith(before[name]) for name in before), "the old segment is kept"
    added = project.lines()[6:]
    assert {line["segment"] for line in project.lines()[:6]} == {1}
    assert [line["segment"] for line in added] == [2] * 5
    assert {line["reason"] for line in added} == {"SDK 7"}

    judged = project.run("-m", "cpu")
    assert judged.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "passed", "loss": "passed"}
    accuracy = project.outcomes()[-1]["verdicts"][0]
    assert accuracy["reference"] == pytest.approx(0.8, abs=0.0011)
    assert accuracy["reference_runs"] == 5


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
