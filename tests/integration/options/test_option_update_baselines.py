"""--update-baselines: what is recorded, what never is, and that nothing is ever lost."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

# Added to a project's conftest.py: every process tells of all that it changes under baselines/.
WRITERS = """
import os
import sys

def _tell(event, arguments):
    if event in {"open", "os.rename", "os.remove", "os.mkdir", "os.truncate"}:
        changes = event != "open" or (
            isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        path = os.path.abspath(arguments[0]) if isinstance(arguments[0], str) else ""
        if changes and f"{os.sep}baselines{os.sep}" in path:
            who = os.environ.get("PYTEST_XDIST_WORKER", "controller")
            descriptor = os.open("writers.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, f"{who} {event} {path}\\n".encode())
            os.close(descriptor)

sys.addaudithook(_tell)
"""

OWN_TESTS = """
def test_fails_after_a_good_check(train):
    train("noise").check()
    raise AssertionError("for a reason of its own")
"""

DIVERGES = "return float('nan')"


def test_recording_session_makes_the_next_one_pass_and_only_the_controller_writes(
    project: Project,
) -> None:
    project.noise()
    project.append("conftest.py", WRITERS)
    first = project.run("-m", "cpu", "--update-baselines", "--seeds", "6")
    assert first.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "new", "loss": "new"}
    first.stdout.fnmatch_lines(["6 reference runs recorded in 1 baseline file"])
    assert [line["segment"] for line in project.lines()] == [1] * 6
    assert all(line["accepted_by"] and line["reason"] for line in project.lines())
    before = project.files()
    writers = (project.path / "writers.txt").read_text().splitlines()
    assert any("portable.jsonl" in line for line in writers)
    assert {line.split()[0] for line in writers} == {"controller"}

    second = project.run("-m", "cpu")
    assert second.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "passed", "loss": "passed"}
    assert project.files() == before, "a session without the option writes nothing"
    second.stdout.fnmatch_lines(
        ["1 run, 2 gated metrics: 2 passed (false alarms: at most 1% of sessions)"]
    )


def test_missing_baseline_is_new_and_the_summary_names_the_command(project: Project) -> None:
    project.noise()
    result = project.run("-m", "cpu")
    assert result.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "new", "loss": "new"}
    result.stdout.fnmatch_lines(["2 new: no baseline yet; *--update-baselines*"])
    assert not project.baselines.exists()


def test_failed_diverged_crashed_and_failing_tests_runs_are_never_recorded(
    project: Project,
) -> None:
    project.noise()
    cell = {"dataset": "inline", "epochs": 1, "gates": ["accuracy"]}
    project.steps("crashes", "raise RuntimeError('out of luck')")
    project.steps("diverges", DIVERGES)
    project.steps("meant_to", DIVERGES, cells=[{**cell, "expect": "diverged"}])
    project.tests(OWN_TESTS)
    result = project.run("-m", "cpu", "-k", "not training or not noise", "--update-baselines")
    result.assert_outcomes(passed=1, failed=3, deselected=project.deselected(56))
    states = {each["run"]["spec"]["workload"]: each["run"]["state"] for each in project.outcomes()}
    assert {name: state.partition("(")[0] for name, state in states.items()} == {
        "crashes": "crashed",
        "diverges": "diverged",
        "meant_to": "diverged",
        "noise": "completed",
    }
    assert project.files() == {}


def test_collapsed_run_is_not_recorded_even_where_nothing_can_be_judged_yet(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    path = project.baselines / "noise" / "portable.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    before = project.files()
    monkeypatch.setenv("NOISE_DROP", "400")
    result = project.run("-m", "cpu", "--update-baselines")
    assert project.statuses()["accuracy"] == "learning"
    result.stdout.fnmatch_lines(["not recorded*collapsed (accuracy 0.* below 0.*)"])
    assert project.files() == before


def test_a_suspicion_is_not_recorded_and_the_next_step_decides_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    before = project.files()
    monkeypatch.setenv("NOISE_DROP", "100")
    result = project.run("-m", "cpu", "--update-baselines")
    assert result.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "inconclusive", "loss": "inconclusive"}
    result.stdout.fnmatch_lines(
        [
            "not recorded (portable metrics): *test_training[[]noise-cpu[]]: accuracy: "
            "inconclusive; --seeds 10 makes the fresh runs that decide"
        ]
    )
    assert project.files() == before
    assert project.run("-m", "cpu", "--update-baselines", "--seeds", "10").ret == 1
    assert project.statuses() == {"accuracy": "regressed", "loss": "regressed"}
    assert project.files() == before


def test_partial_selection_never_drops_what_was_not_selected(project: Project) -> None:
    project.noise(recorded=True)
    project.noise("other")
    foreign = project.baselines / "not_here" / "gpu-1-some-model.jsonl"
    foreign.parent.mkdir()
    foreign.write_text('{"schema": 99}\n')
    before = project.files()
    result = project.run("-m", "cpu", "-k", "other", "--update-baselines")
    assert result.ret == pytest.ExitCode.OK
    after = project.files()
    assert set(after) - set(before) == {"other/portable.jsonl"}
    assert {name: after[name] for name in before} == before

    result = project.run("-m", "cpu", "-k", "noise", "--update-baselines")
    assert result.ret == pytest.ExitCode.OK
    last = project.files()
    assert last.pop("noise/portable.jsonl").startswith(after.pop("noise/portable.jsonl"))
    assert last == after


def test_two_sessions_that_update_the_same_baselines_at_once_lose_nothing(
    project: Project,
) -> None:
    project.noise(recorded=True)
    descriptor = os.open(project.baselines / "noise", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # so that both sessions come to write at one moment
    sessions = [
        subprocess.Popen(
            project.command("-m", "cpu", "--update-baselines", "--seeds", "2"),
            cwd=project.path,
            env={**os.environ, "ACCELBENCH_LOCKS": str(project.path / f"locks-{number}")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    end = time.monotonic() + 120
    while len(project.outcomes()) < 2 and time.monotonic() < end:
        time.sleep(0.1)
    os.close(descriptor)
    texts = [session.communicate(timeout=120)[0] for session in sessions]
    assert [session.returncode for session in sessions] == [0, 0], "\n".join(texts)
    lines = project.lines()
    assert len(lines) == 10 + 2 * 2
    assert len({line["run"]["provenance"]["session_id"] for line in lines}) == 3
    assert sorted(path.name for path in project.baselines.rglob("*.jsonl")) == ["portable.jsonl"]


def test_damaged_line_is_named_and_kept_and_the_others_count(project: Project) -> None:
    project.noise(recorded=True)
    path = project.baselines / "noise" / "portable.jsonl"
    path.write_text('{"schema": 1, "run": ' + "\n" + path.read_text())
    result = project.run("-m", "cpu", "--update-baselines")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"baseline line left out: {path}:1: not JSON *"])
    first, *others = path.read_text().splitlines()
    assert first == '{"schema": 1, "run": '
    assert [json.loads(line)["segment"] for line in others] == [1] * 11
