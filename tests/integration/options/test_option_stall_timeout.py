"""--stall-timeout [PHASE=]SECONDS: the longest time without progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import psutil
import pytest

# Deaf to the polite signal; its child left the process group. Only SIGKILL ends both.
HANG = """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        pathlib.Path("pids.txt").write_text(f"{os.getpid()} {child.pid}")
        print("the last words", flush=True)
        time.sleep(600)
"""

FAST_TEST = """
def test_next_one_still_trains(train):
    train("fine").check()
"""


def running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_phase_without_progress_is_ended_and_the_next_test_still_trains(project: Project) -> None:
    project.steps("hangs", HANG)
    project.steps("fine", cells=[])
    project.tests(FAST_TEST)
    result = project.run("-m", "cpu", "--stall-timeout", "first_step=1.5")
    result.assert_outcomes(passed=1, failed=1, deselected=project.deselected(22))
    (outcome,) = [x for x in project.outcomes() if x["run"]["spec"]["workload"] == "hangs"]
    assert outcome["run"]["state"] == "timed_out(first_step)"
    result.stdout.fnmatch_lines(
        [
            "*hangs timed_out(first_step): no progress for * s in phase first_step "
            "(limit 1.5 s; --stall-timeout first_step=SECONDS raises it)",
            "*last lines of the worker's output*",
            "the last words",
        ]
    )
    pids = [int(pid) for pid in (project.path / "pids.txt").read_text().split()]
    assert len(pids) == 2
    assert not any(running(pid) for pid in pids)


def test_limit_without_a_phase_is_for_all_phases(plain_project: Project) -> None:
    plain_project.steps("hangs", before="time.sleep(600)")
    result = plain_project.run("-m", "cpu", "--stall-timeout", "3")
    (outcome,) = plain_project.outcomes()
    assert outcome["run"]["state"] == "timed_out(import)"
    result.stdout.fnmatch_lines(["*--stall-timeout import=SECONDS raises it*"])


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("0", "a number of seconds above 0 is expected, not '0'"),
        ("steady=", "a number of seconds above 0 is expected, not ''"),
        ("lunch=5", "unknown phase 'lunch'; known: attach, import, data, compile, *"),
    ],
)
def test_value_that_does_not_fit_is_a_usage_error(
    plain_project: Project, value: str, says: str
) -> None:
    result = plain_project.run("--stall-timeout", value)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --stall-timeout {value}: {says}"])
    assert "Traceback" not in result.stderr.str()
