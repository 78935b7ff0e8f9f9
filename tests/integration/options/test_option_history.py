"""--history DIR: every run of a session, stored as it ends, by the controller alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.options.conftest import Project

import pytest

# Added to a project's conftest.py: every process tells what it changes in a folder of history,
# and at its end whether it has imported the database.
WITNESS = """
import os
import pathlib
import sys

def _tell(event, arguments):
    if event in {"open", "os.mkdir"} and isinstance(arguments[0], (str, os.PathLike)):
        changes = event != "open" or (isinstance(arguments[2], int) and arguments[2] & os.O_CREAT)
        path = os.path.abspath(arguments[0])
        if changes and f"{os.sep}.accelbench" in path:
            _say(event)

def _say(what):
    who = os.environ.get("PYTEST_XDIST_WORKER", "controller")
    descriptor = os.open("told.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{who} {what}\\n".encode())
    os.close(descriptor)

def pytest_unconfigure(config):
    _say("with duckdb" if "duckdb" in sys.modules else "without duckdb")

sys.addaudithook(_tell)
"""


def stored(folder: Path) -> list[list[dict[str, Any]]]:
    """Return the lines of each session's file."""
    return [
        [json.loads(text) for text in path.read_text().splitlines()]
        for path in sorted(folder.glob("*.jsonl"))
    ]


def test_every_run_is_stored_with_its_verdicts_by_the_controller_alone(project: Project) -> None:
    project.noise(recorded=True)
    project.noise("other")
    project.append("conftest.py", WITNESS)
    project.run("-m", "cpu").assert_outcomes(passed=2, deselected=project.deselected(22))
    folder = project.path / ".accelbench"
    ((*lines,),) = stored(folder)
    assert (folder / ".gitignore").read_text().splitlines()[-1] == "*"
    told = {outcome["run"]["provenance"]["run_id"]: outcome for outcome in project.outcomes()}
    assert {line["run_id"] for line in lines} == set(told)
    for line in lines:
        outcome = told[line["run_id"]]
        assert line["run"] == outcome["run"]
        assert line["session_id"] == outcome["run"]["provenance"]["session_id"]
        assert (folder / f"{line['session_id']}.jsonl").is_file()
        assert {each["metric"]: each["status"] for each in line["judged"]} == {
            each["metric"]: each["status"] for each in outcome["verdicts"]
        }
    statuses = {
        line["workload"]: {each["status"] for each in line["judged"]} - {"shown"} for line in lines
    }
    assert statuses["other"] == {"new"}
    assert "new" not in statuses["noise"]
    said = (project.path / "told.txt").read_text().splitlines()
    assert {line for line in said if "duckdb" not in line} == {
        "controller os.mkdir",
        "controller open",
    }
    # Who judges asks the history where there is one; the controller of xdist's workers only stores.
    assert "controller with duckdb" not in said


def test_each_session_adds_a_file_and_reference_runs_say_what_they_are(project: Project) -> None:
    project.noise()
    project.run("-m", "cpu", "--update-baselines", "--seeds", "3")
    project.run("-m", "cpu")
    first, second = stored(project.path / ".accelbench")
    assert sorted(line["role"] for line in first) == ["reference", "reference", "screen"]
    assert [line["role"] for line in second] == ["screen"]
    assert len({line["run_id"] for line in (*first, *second)}) == 4
    assert len({line["keys"]["portable"] for line in (*first, *second)}) == 1
    references = [line for line in first if line["role"] == "reference"]
    assert {each["status"] for line in references for each in line["judged"]} == {""}


def test_runs_that_fail_are_stored_too(project: Project) -> None:
    project.steps("crashes", "os._exit(3)")
    project.steps("diverges", "return float('nan')")
    result = project.run("-m", "cpu")
    result.assert_outcomes(failed=2, deselected=project.deselected(22))
    ((*lines,),) = stored(project.path / ".accelbench")
    assert {line["workload"]: (line["state"], line["expected"]) for line in lines} == {
        "crashes": ("crashed", False),
        "diverges": ("diverged", False),
    }


@pytest.mark.parametrize(
    ("ini", "args", "place"),
    [
        ("", ("--history", "runs/of/all"), "runs/of/all"),
        ("accelbench_history = 'stored'", (), "stored"),
        ("accelbench_history = 'stored'", ("--history", "here"), "here"),
        ("", ("--no-history",), None),
        ("accelbench_history = ''", (), None),
        ("accelbench_history = ''", ("--history", "here"), "here"),
        ("", ("--history", "here", "--no-history"), None),
    ],
)
def test_the_folder_can_be_chosen_and_the_history_switched_off(
    project: Project, ini: str, args: tuple[str, ...], place: str | None
) -> None:
    project.noise(recorded=True)
    project.append("pyproject.toml", f"{ini}\n")
    assert project.run("-m", "cpu", *args).ret == pytest.ExitCode.OK
    found = {str(path.parent.relative_to(project.path)) for path in project.path.rglob("2*.jsonl")}
    assert found == ({place, f"{place}/verdicts"} if place else set())
    assert (project.path / ".accelbench").exists() is False


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/accelbench"])
def test_a_folder_that_cannot_be_written_is_one_line_and_nothing_turns_red(
    project: Project, place: str
) -> None:
    project.noise(recorded=True)
    project.noise("other")
    (project.path / "file").write_text("in the way")
    result = project.run("-m", "cpu", "--history", place)
    result.assert_outcomes(passed=2, deselected=project.deselected(22))
    assert result.ret == pytest.ExitCode.OK
    said = [line for line in result.outlines if "not stored" in line]
    where = place if place.startswith("/") else project.path / place
    assert len(said) == 1
    assert said[0].startswith(f"2 runs not stored in the history {where} (")
    assert said[0].endswith(
        "): free some space, choose another folder with --history DIR, or switch it off with "
        "--no-history"
    )
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_a_session_that_trains_nothing_makes_no_folder(project: Project) -> None:
    project.noise()
    project.tests("def test_plain():\n    pass\n")
    project.run("-m", "cpu", "--collect-only")
    project.run("-k", "test_plain").assert_outcomes(passed=1, deselected=project.deselected(12))
    project.run("-m", "ipu")
    assert not (project.path / ".accelbench").exists()


def test_a_killed_session_keeps_what_was_stored(plain_project: Project) -> None:
    plain_project.noise("a_first")
    plain_project.steps("b_endless", "time.sleep(300)")
    folder = plain_project.path / ".accelbench"
    process = subprocess.Popen(
        plain_project.command("-m", "cpu"),
        cwd=plain_project.path,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 60
        while not any(stored(folder)) and time.monotonic() < end:
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert [[line["workload"] for line in lines] for lines in stored(folder)] == [["a_first"]]


def test_stored_runs_can_be_listed_shown_and_compacted(project: Project) -> None:
    project.noise(recorded=True)
    project.run("-m", "cpu", "-p", "no:cacheprovider")
    ((line,),) = stored(project.path / ".accelbench")

    def accelbench(*arguments: str) -> list[str]:
        command = ["history", *arguments]
        done = project.pytester.run(
            project.command()[0], "-c", "from accelbench.cli import main; main()", *command
        )
        assert done.ret == 0
        return done.outlines

    before = accelbench("list")
    assert before[-1].startswith("1 session, 1 run in ")
    assert accelbench("compact")[0].startswith("nothing to merge in ")
    assert accelbench("compact", "--all")[0].startswith("1 run of 1 file merged: ")
    assert accelbench("list") == before
    assert json.loads(accelbench("export")[0]) == line
    assert line["session_id"] in accelbench("show", "noise")[0]
