"""Ends a worker whose session vanished; runs as a process of its own, beside both.

On the session's host it waits on a pipe whose other end only the session holds: end of file means
that the session is done or dead. On any other host it stands between the session and the worker,
whose input it passes on, and waits for the end of that. A thread inside the worker could do
neither: native code may hold the interpreter lock for ever. Standard library only: it is started as
a plain script, or sent as text to an interpreter that has not even this package.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

RUN_VARIABLE = "ACCELBENCH_RUN_ID"
"""In the environment of a worker and so of all that it starts: how leftovers are recognised."""

GUARD_VARIABLE = "ACCELBENCH_GUARD_ID"
"""In the environment of what a guard started: the launchers in front of it are not its own."""

FOLDER_VARIABLE = "ACCELBENCH_FOLDER"
"""Names the folder that a guard made for its worker; it goes with the worker."""

GRACE_SECONDS = 2.0
"""How long a worker without its session may take to detach from its device."""


CANCEL_SECONDS = 20.0
"""How long a command may take that cancels what a run has left on a cluster."""

DONE = b"d"
"""The session's word on the pipe that it has cancelled itself what was to be cancelled."""


def start(
    lifeline: int,
    run_id: str,
    grace_seconds: float = 0.0,
    cancels: Sequence[Sequence[str]] = (),
) -> subprocess.Popen[bytes]:
    """Start the watchdog of a run; `lifeline` is the pipe's reading end, closed here.

    A launcher that hands the end of its input on gets `grace_seconds` for it: killed, srun would
    leave its task behind. `cancels` are commands to run where the session dies. The watchdog leaves
    the session's process group: a Ctrl-C there must not end what guards the worker.
    """
    told = [str(lifeline), run_id, str(grace_seconds), json.dumps([[*each] for each in cancels])]
    try:
        return subprocess.Popen(
            [sys.executable, "-S", "-E", __file__, *told],
            pass_fds=[lifeline],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        os.close(lifeline)


def belongs_to(process: Path, run_id: str, variable: str = RUN_VARIABLE) -> bool:
    """Tell whether a folder of /proc is a process started under the run."""
    try:
        environment = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"{variable}={run_id}".encode() in environment


def end_all(
    run_id: str, variable: str = RUN_VARIABLE, number: signal.Signals = signal.SIGKILL
) -> None:
    """Send a signal to every process of the run but this one."""
    for process in Path("/proc").iterdir():
        other = process.name.isdigit() and int(process.name) != os.getpid()
        if other and belongs_to(process, run_id, variable):
            try:
                os.kill(int(process.name), number)
            except OSError:
                continue


def is_there(run_id: str) -> bool:
    """Tell whether any process of the run is left, other than this one."""
    folders = [each for each in Path("/proc").iterdir() if each.name.isdigit()]
    return any(belongs_to(each, run_id) for each in folders if int(each.name) != os.getpid())


def cancel(commands: Sequence[Sequence[str]]) -> None:
    """Run commands that cancel jobs; a missing program, or one that fails or hangs, is no error."""
    for command in commands:
        try:
            process = subprocess.Popen(
                [*command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            continue
        try:
            process.wait(CANCEL_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def guard(identity: str, boot: str, environment: Mapping[str, str]) -> None:
    """Start a worker in this interpreter, pass its input on, and end all of it; does not return.

    `boot` is the code that the worker's interpreter runs, `environment` what is added to its
    environment: launchers pass on what they like. `identity` is unique to this guard. A death by
    signal n ends this process as status 128 + n, the one form that ssh and srun hand on.
    """
    folder = tempfile.mkdtemp(prefix="accelbench-")
    added = {GUARD_VARIABLE: identity, FOLDER_VARIABLE: folder}
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", boot],
        stdin=subprocess.PIPE,
        env={**os.environ, **environment, **added},
        start_new_session=True,
    )
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)

    def end(*_: object) -> None:
        threading.Thread(target=_end, args=(process, identity), daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_pass_on, args=(process, end), daemon=True).start()
    status = process.wait()
    end_all(identity, GUARD_VARIABLE)
    end_all(identity, GUARD_VARIABLE)  # once more: one of them may have been forking
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(status if status >= 0 else 128 - status)


def _pass_on(process: subprocess.Popen[bytes], end: Callable[[], None]) -> None:
    """Pass the session's words on to the worker; where they end, the worker ends."""
    stdin: Any = process.stdin
    while True:
        block = os.read(0, 2**16)
        if not block:
            break
        try:
            stdin.write(block)
            stdin.flush()
        except OSError:  # the worker is gone, and who waits for it sees that
            return
    end()


def _end(process: subprocess.Popen[bytes], identity: str) -> None:
    """Ask a guard's worker and all that it started to end, wait, then kill."""
    end_all(identity, GUARD_VARIABLE, signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        end_all(identity, GUARD_VARIABLE)


def _watch(lifeline: int, run_id: str, grace_seconds: float, cancels: Sequence[Any]) -> None:
    """Wait for the end of the session, or of the run; then end what is left of the run."""
    done = os.read(lifeline, 1) == DONE
    _wait_gone(run_id, grace_seconds / 2)
    if grace_seconds and not done:
        # An srun that still waits for its job reads no input: asked to end, it cancels the job.
        end_all(run_id, number=signal.SIGTERM)
    _wait_gone(run_id, grace_seconds / 2)
    end_all(run_id)
    end_all(run_id)  # once more: one of them may have been forking
    if not done:
        cancel(cancels)


def _wait_gone(run_id: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and is_there(run_id):
        time.sleep(0.05)


if __name__ == "__main__":
    # Whoever ends processes by asking must not end this one: it goes when the session does.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _watch(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), json.loads(sys.argv[4]))
