"""One question to an interpreter elsewhere: its time limit rests while Slurm has it queued.

A session that dies or gives up while it waits leaves no job behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from accelbench import slurm
from accelbench.jobs import Called
from accelbench.workers import watchdog
from accelbench.workers.watchdog import RUN_VARIABLE

POLL_SECONDS = 0.05

GRACE_SECONDS = 5.0
"""How long a launcher may take to cancel its job when it is asked to end."""


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it wrote."""

    status: int
    out: bytes
    err: bytes


def put(command: Sequence[str], env: Mapping[str, str], told: bytes, seconds: float) -> Answer:
    """Run a command to its end, with `told` for its input; `env` is added and names it as a run.

    OSError where there is no such program; TimeoutError after so many seconds, queueing apart.
    """
    called = Called.by(command, f"accelbench-{env[RUN_VARIABLE].rpartition('@')[2]}")
    added = {**env, slurm.NAME_VARIABLE: called.name} if called else env
    with tempfile.TemporaryDirectory(prefix="accelbench-") as folder:
        paths = [Path(folder) / each for each in ("in", "out", "err")]
        paths[0].write_bytes(told)
        with (
            paths[0].open("rb") as stdin,
            paths[1].open("wb") as out,
            paths[2].open("wb") as err,
            _watched(called, env[RUN_VARIABLE]),
        ):
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=out,
                stderr=err,
                env={**os.environ, **added},
                start_new_session=True,
            )
            try:
                status = _status(process, seconds, called, paths[2])
            finally:
                _end(process)
        return Answer(status, paths[1].read_bytes(), paths[2].read_bytes())


@contextmanager
def _watched(called: Called | None, run_id: str) -> Iterator[None]:
    """Have a watchdog cancel what is queued, should the session die before it has its answer."""
    if called is None:
        yield
        return
    reading, lifeline = os.pipe()
    guard = watchdog.start(reading, run_id, GRACE_SECONDS, [called.cancel_command])
    try:
        yield
        os.write(lifeline, watchdog.DONE)
    finally:
        os.close(lifeline)  # without a word where there is no answer: then it cancels
        guard.wait()


def _status(
    process: subprocess.Popen[bytes], limit_seconds: float, called: Called | None, err: Path
) -> int:
    """Wait for a command's end, counting the time that it is not queued."""
    last, counted = time.monotonic(), 0.0
    while process.poll() is None:
        time.sleep(POLL_SECONDS)
        now = time.monotonic()
        if not called or not called.queued(err.read_text(errors="replace").splitlines()):
            counted += now - last
        last = now
        if counted > limit_seconds:
            raise TimeoutError
    return process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command that has not ended, and all of its group: asked first, for srun's sake."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
