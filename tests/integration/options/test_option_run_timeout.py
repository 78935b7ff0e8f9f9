"""--run-timeout: the longest time of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import psutil
import pytest

# The first epoch of four steps is short, the second endless; a child in a session of its own.
ENDLESS = """
        CALLS.append(number)
        if len(CALLS) == 1:
            child = subprocess.Popen(["sleep", "600"], start_new_session=True)
            pathlib.Path("pids.txt").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(0.01 if len(CALLS) <= 4 else 600)
"""


def running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_run_that_takes_too_long_is_ended_with_all_that_it_started(project: Project) -> None:
    cells = [{"dataset": "inline", "epochs": 2, "gates": ["accuracy"]}]
    project.steps("endless", ENDLESS, before="CALLS = []", cells=cells)
    result = project.run("-m", "cpu", "--run-timeout", "5")
    result.assert_outcomes(failed=1, deselected=project.deselected(11))
    (outcome,) = project.outcomes()
    assert outcome["run"]["state"] == "timed_out(steady)"
    assert len(outcome["run"]["epochs"]) == 1, "the epoch that was done is kept"
    result.stdout.fnmatch_lines(
        [
            "*endless timed_out(steady): the run took * s and was in phase * (limit 5 s; "
            "--run-timeout SECONDS raises it)*"
        ]
    )
    pids = [int(pid) for pid in (project.path / "pids.txt").read_text().split()]
    assert len(pids) == 2
    assert not any(running(pid) for pid in pids)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "soon"])
def test_limit_that_is_no_time_is_a_usage_error(plain_project: Project, value: str) -> None:
    result = plain_project.run(f"--run-timeout={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--run-timeout: *"])
    assert "Traceback" not in result.stderr.str()
