"""Processes of a run on this host: found by their tree and by their run, asked to end, ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from contextlib import suppress

import psutil

from accelbench.workers.watchdog import RUN_VARIABLE


def tree(root: psutil.Process) -> list[psutil.Process]:
    """Return all that a process started and that is still there, itself last."""
    return [*root.children(recursive=True), root]


def started_under(run_id: str) -> list[psutil.Process]:
    """Return the processes of this user that carry the run's id in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(RUN_VARIABLE) == run_id:
                found.append(process)
    return found


def end(processes: Sequence[psutil.Process], grace_seconds: float) -> None:
    """Ask, wait, then kill: an SDK may want to detach from its device."""
    if grace_seconds:
        send(processes, signal.SIGTERM)
        processes = _still_running(processes, grace_seconds)
    send(processes, signal.SIGKILL)
    _still_running(processes, 5.0)


def send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def _still_running(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all are gone or `seconds` are over; a zombie awaits only its parent's notice."""
    until = time.perf_counter() + seconds
    while True:
        left = [each for each in processes if not _gone(each)]
        if not left or time.perf_counter() > until:
            return left
        time.sleep(0.01)


def _gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True
