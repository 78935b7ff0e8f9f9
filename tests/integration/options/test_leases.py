"""A run holds its unit alone: under xdist, and over all sessions of a host."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

from accelbench import lease

# From the file's import to the last evaluation: nearly all of the worker's life.
INTERVALS = """
BEGUN = time.monotonic()
"""
WRITES = """
        time.sleep(0.1)
        pathlib.Path(f"interval-{os.getpid()}.txt").write_text(f"{BEGUN} {time.monotonic()}")
"""
CELLS = [
    {"dataset": "inline", "epochs": 1, "gates": [], "params": {"number": number}}
    for number in range(3)
]

SLOW_STEP = "time.sleep(0.4)"


def intervals(project: Project) -> list[tuple[float, float]]:
    """Return when each run began and ended, on the host's clock, in the order of their begin."""
    texts = [path.read_text().split() for path in project.path.glob("interval-*.txt")]
    return sorted((float(begun), float(ended)) for begun, ended in texts)


def overlapping(found: list[tuple[float, float]]) -> list[float]:
    """Return by how many seconds each run began before the one before it had ended."""
    return [ended - begun for (_, ended), (begun, _) in pairwise(found) if begun < ended]


def test_no_two_runs_of_a_session_overlap(project: Project) -> None:
    project.steps("timed", WRITES, before=INTERVALS, cells=CELLS)
    result = project.run("-m", "cpu")
    result.assert_outcomes(passed=3, deselected=project.deselected(33))
    assert len(intervals(project)) == 3
    assert overlapping(intervals(project)) == []


def test_no_two_runs_of_two_sessions_on_one_host_overlap(project: Project) -> None:
    project.steps("timed", WRITES, before=INTERVALS, cells=CELLS)
    sessions = [
        subprocess.Popen(
            project.command("-m", "cpu", "-p", "no:cacheprovider"),
            cwd=project.path,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    texts = [session.communicate(timeout=240)[0] for session in sessions]
    assert [session.returncode for session in sessions] == [0, 0], "\n".join(texts)
    assert len(intervals(project)) == 6
    assert overlapping(intervals(project)) == []
    queued = [each["run"]["phases"]["queue"] for each in project.outcomes()]
    assert max(queued) > 0.05, "one session waited for the other"


def read_until(descriptor: int, pattern: str, seconds: float = 120.0) -> str:
    """Return what a terminal shows until `pattern` is in it."""
    text, end = "", time.monotonic() + seconds
    while not re.search(pattern, text):
        assert time.monotonic() < end, f"{pattern!r} did not come; the terminal shows:\n{text}"
        if select.select([descriptor], [], [], 1.0)[0]:
            try:
                text += os.read(descriptor, 4096).decode(errors="replace")
            except OSError:  # the session is gone
                raise AssertionError(f"{pattern!r} never came:\n{text}") from None
    return text


def end(session: subprocess.Popen[bytes]) -> None:
    session.kill()
    session.wait()


def test_terminal_shows_whom_a_run_waits_for_and_then_its_progress(
    plain_project: Project,
) -> None:
    plain_project.steps("timed", SLOW_STEP, cells=[{"dataset": "inline", "epochs": 2, "gates": []}])
    controlling, terminal = pty.openpty()
    locks = plain_project.path / "locks"
    with lease.hold(["cpu"], 1, locks, "somebody's training", lambda *_: None) as held:
        session = subprocess.Popen(
            plain_project.command("-m", "cpu"),
            cwd=plain_project.path,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        try:
            who = rf"process {os.getpid()} \(somebody's training\)"
            read_until(controlling, f"waiting for {held.units[0]}, which {who} holds")
        except BaseException:
            end(session)
            raise
    try:
        read_until(controlling, r"timed on cpu  steady  epoch \d/2  loss 1  [\d.,]+ samples/s")
        read_until(controlling, r"1 passed")
        assert session.wait(timeout=60) == 0
    finally:
        end(session)
        os.close(controlling)


def test_nothing_is_painted_where_the_output_is_no_terminal(project: Project) -> None:
    project.steps("timed", SLOW_STEP)
    result = project.run("-m", "cpu")
    result.assert_outcomes(passed=1, deselected=project.deselected(11))
    assert "\x1b" not in result.stdout.str() + result.stderr.str()
    assert "samples/s" not in result.stdout.str()
    assert "timed on cpu" not in result.stdout.str()
