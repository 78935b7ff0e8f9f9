"""Ends a worker whose session vanished; runs as a process of its own, beside both.

It waits on a pipe whose other end only the session holds: end of file means that the session is
done or dead. A thread inside the worker could not do this: native code may hold the interpreter
lock for ever. Standard library only: it is started as a plain script.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

RUN_VARIABLE = "ACCELBENCH_RUN_ID"
"""In the environment of a worker and so of all that it starts: how leftovers are recognised."""


def start(lifeline: int, run_id: str) -> subprocess.Popen[bytes]:
    """Start the watchdog of a run; `lifeline` is the pipe's reading end, closed here.

    It leaves the session's process group: a Ctrl-C there must not end what guards the worker.
    """
    try:
        return subprocess.Popen(
            [sys.executable, "-S", "-E", __file__, str(lifeline), run_id],
            pass_fds=[lifeline],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        os.close(lifeline)


def belongs_to(process: Path, run_id: str) -> bool:
    """Tell whether a folder of /proc is a process started under the run."""
    try:
        environment = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"{RUN_VARIABLE}={run_id}".encode() in environment


def end_all(run_id: str) -> None:
    """Kill every process of the run but this one."""
    for process in Path("/proc").iterdir():
        other = process.name.isdigit() and int(process.name) != os.getpid()
        if other and belongs_to(process, run_id):
            try:
                os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                continue


if __name__ == "__main__":
    # Whoever ends processes by asking must not end this one: it goes when the session does.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.read(int(sys.argv[1]), 1)
    end_all(sys.argv[2])
    end_all(sys.argv[2])  # once more: one of them may have been forking
