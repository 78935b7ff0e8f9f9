"""A worker behind a launcher that puts it on a node, as srun does: it comes up, and ends whole."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import accelbench

if TYPE_CHECKING:
    from tests.integration.conftest import Checkout
    from tests.integration.remote.conftest import There

    from accelbench.gateway import Worker

    Wait = Callable[[Callable[[], bool], str], None]

STANDIN = Path(__file__).parent / "standin.py"


@pytest.fixture
def srun(tmp_path: Path) -> str:
    """A program of srun's name."""
    path = tmp_path / "bin" / "srun"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDIN}" "$@"\n')
    path.chmod(0o755)
    return str(path)


def start(launched: There, srun: str) -> Worker:
    return launched.start(command=(srun, "--unbuffered", "--relative={node}", sys.executable))


def hanging(launched: There, srun: str, eventually: Wait) -> Worker:
    worker = start(launched, srun)
    worker.attach(launched.job(mode="hang in C"))
    eventually(lambda: bool(launched.told("hangs")), "a hang")
    return worker


def test_a_task_gets_its_sources_and_says_how_it_ended(launched: There, srun: str) -> None:
    worker = start(launched, srun)
    launched.workload.write_text(
        launched.workload.read_text() + "tell('task', os.environ['SLURM_PROCID'])\n"
    )
    assert launched.follow(worker, launched.job()) == "result"
    assert worker.exit_text() == "exit status 0"
    assert launched.told("task") == ["0"]
    assert launched.told("package") != [accelbench.__file__]


def test_a_task_that_dies_is_named_by_its_signal(launched: There, srun: str) -> None:
    worker = start(launched, srun)
    channel = worker.attach(launched.job(mode="die"))
    with pytest.raises(EOFError):  # noqa: PT012  # any number of messages comes before it
        while True:
            channel.receive(timeout=60)
    assert worker.exit_text() == "killed by signal 11"
    worker.end()
    assert "srun: error" in launched.log.read_text()


def test_the_end_of_a_worker_reaches_its_task(launched: There, srun: str, eventually: Wait) -> None:
    worker = hanging(launched, srun, eventually)
    assert len(launched.running()) >= 6
    worker.end()
    assert launched.running() == []


def test_a_task_is_asked_before_its_launcher_is_killed(
    launched: There, srun: str, eventually: Wait
) -> None:
    worker = hanging(launched, srun, eventually)
    worker.kill()
    assert launched.running() == []
    worker.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_session_takes_its_task_along(
    checkout: Checkout, srun: str, eventually: Wait, number: signal.Signals
) -> None:
    checkout.configure(
        f'[tool.accelbench.device.cpu]\ncommand = ["{srun}", "--unbuffered", "{sys.executable}"]\n'
    )
    checkout.workload(
        "hangs",
        step='subprocess.Popen(["setsid", "sleep", "1000"])\n(HERE / "started").touch()\n'
        "ctypes.PyDLL(None).sleep(1000)",
    )
    process = checkout.start(checkout.command("run", "hangs"))
    eventually(lambda: checkout.started.exists() or process.poll() is not None, "the training")
    os.killpg(process.pid, number)
    checkout.finish(process)
    eventually(lambda: checkout.leftovers() == [], "the end of all processes")


def test_a_killed_launcher_leaves_its_task_as_srun_does(
    launched: There, srun: str, eventually: Wait
) -> None:
    # What the stand-in is for: without a grace for its launcher, a session would leave this.
    worker = hanging(launched, srun, eventually)
    first = psutil.Process(next(p.pid for p in psutil.Process().children() if _is(p, "standin")))
    first.kill()
    first.wait()
    left = [p for p in launched.running() if "ACCELBENCH_GUARD_ID" in p.environ()]
    assert left
    for process in left:
        process.kill()  # and their guard tidies up
    worker.end()


def _is(process: psutil.Process, name: str) -> bool:
    return any(name in word for word in process.cmdline())
