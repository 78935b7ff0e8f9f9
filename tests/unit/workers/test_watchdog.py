"""A worker whose session vanished dies with all that it started: real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import accelbench
from accelbench.workers import watchdog
from accelbench.workers.watchdog import RUN_VARIABLE, belongs_to

PLUGIN = str(Path(accelbench.__file__).parents[1])

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the watchdog reads Linux's /proc"
)

# The worker, its child, and a grandchild that left the session: each says who it is, then sleeps.
WORKER = """
import os, subprocess, sys, time
CHILD = '''
import os, subprocess, sys, time
grandchild = "import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", grandchild])
print(os.getpid(), flush=True)
time.sleep(300)
'''
subprocess.Popen([sys.executable, "-c", CHILD])
print(os.getpid(), flush=True)
hang = sys.argv[1]
while hang == "busy":
    sum(range(10**9))  # one call in C that never gives the interpreter lock back
time.sleep(300)
"""

DEADLINE_SECONDS = 60


def gone(pid: int) -> bool:
    """Tell whether a process has ended; a zombie awaits only its parent's notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.mark.parametrize("worker", ["asleep", "busy"])
def test_the_whole_tree_dies_when_the_lifeline_closes(worker: str) -> None:
    reading, lifeline = os.pipe()
    run_id = f"watchdog-test-{os.getpid()}-{worker}"
    env = {**os.environ, "PYTHONPATH": PLUGIN}
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(300)"],
        env={**env, RUN_VARIABLE: run_id + "0"},
    )
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, worker],
        env={**env, RUN_VARIABLE: run_id},
        stdout=subprocess.PIPE,
        universal_newlines=True,
        start_new_session=True,
    )
    guard = watchdog.start(reading, run_id)
    try:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()) for _ in range(3)]
        assert len({os.getsid(pid) for pid in pids}) == 2
        assert all(belongs_to(Path(f"/proc/{pid}"), run_id) for pid in pids)
        time.sleep(0.2)
        assert not any(map(gone, pids))
    finally:
        os.close(lifeline)
    try:
        end = time.monotonic() + DEADLINE_SECONDS
        while not all(map(gone, pids)) and time.monotonic() < end:
            time.sleep(0.01)
        assert all(map(gone, pids))
        assert bystander.poll() is None
        assert guard.wait(timeout=DEADLINE_SECONDS) == 0
    finally:
        for pid in pids:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        bystander.kill()
        bystander.wait()
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_process_without_the_run_or_of_another_does_not_belong(tmp_path: Path) -> None:
    environ = tmp_path / "environ"
    environ.write_bytes(b"A=1\0" + RUN_VARIABLE.encode() + b"=run-1\0B=2\0")
    assert belongs_to(tmp_path, "run-1")
    assert not belongs_to(tmp_path, "run-")
    assert not belongs_to(tmp_path, "run-11")
    assert not belongs_to(tmp_path / "vanished", "run-1")


@pytest.mark.parametrize(("word", "calls"), [(b"", "job 7\n"), (watchdog.DONE, "")])
def test_a_dead_sessions_jobs_are_cancelled_by_the_watchdog(
    tmp_path: Path, word: bytes, calls: str
) -> None:
    called = tmp_path / "called"
    called.touch()
    reading, writing = os.pipe()
    record = ("sh", "-c", f'echo "$@" >> {called}', "sh", "job", "7")
    process = watchdog.start(reading, "nobody", 0.0, [("/nonexistent/cancel",), record])
    os.write(writing, word)
    os.close(writing)
    assert process.wait(30) == 0
    assert called.read_text() == calls
