"""A session that is killed leaves no job: not one that runs, not one that waits."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.slurm.conftest import Checkout

SRUN = ("srun", "--unbuffered", "--ntasks=1")


def running(checkout: Checkout) -> subprocess.Popen[str]:
    checkout.configure(*SRUN)
    process = checkout.start(checkout.training("seconds=600"))
    checkout.wait(lambda: checkout.started.exists() or process.poll() is not None, "a training")
    return process


def waiting(checkout: Checkout) -> subprocess.Popen[str]:
    script = checkout.root / "late.sh"
    script.write_text(
        '[ -e second ] || { touch second; exec "$@"; }\nexec "$1" --begin=now+600 "${@:2}"\n'
    )
    checkout.configure("bash", str(script), *SRUN)
    return queued(checkout, checkout.root / "second")


def finding(checkout: Checkout) -> subprocess.Popen[str]:
    checkout.configure(*SRUN, "--begin=now+600")
    return queued(checkout, checkout.root)


def queued(checkout: Checkout, sign: Path) -> subprocess.Popen[str]:
    process = checkout.start(checkout.training("seconds=600"))
    checkout.wait(lambda: sign.exists() and checkout.states() == ["PENDING"], "a job in the queue")
    return process


@pytest.mark.parametrize(
    ("begin", "number"),
    [
        (running, signal.SIGKILL),
        (running, signal.SIGTERM),
        (running, signal.SIGINT),
        (waiting, signal.SIGKILL),
        (waiting, signal.SIGINT),
        (finding, signal.SIGKILL),
        (finding, signal.SIGINT),
    ],
)
def test_a_killed_session_leaves_no_job(
    checkout: Checkout, begin: object, number: signal.Signals
) -> None:
    assert callable(begin)
    process = begin(checkout)
    assert len(checkout.states()) == 1
    process.send_signal(number)
    checkout.finish(process)
    checkout.wait(lambda: checkout.states() == [], "an empty queue")
    checkout.wait(lambda: checkout.leftovers() == [], "the end of all processes")


def test_a_killed_session_leaves_no_step_in_its_allocation(checkout: Checkout) -> None:
    checkout.configure(*SRUN, "--exact")
    holder = checkout.cluster.ask(
        "sbatch", "--parsable", "--ntasks=1", "--output=/dev/null", "--wrap=exec sleep 600"
    )
    checkout.wait(lambda: checkout.states() == ["RUNNING"], "the allocation")
    process = checkout.start(checkout.training("seconds=600"), SLURM_JOB_ID=holder)
    checkout.wait(lambda: checkout.started.exists() or process.poll() is not None, "a training")
    assert len(checkout.steps()) == 1
    process.kill()
    checkout.finish(process)
    checkout.wait(lambda: checkout.steps() == [], "the end of the step")
    assert checkout.states() == ["RUNNING"]


def test_jobs_whose_srun_was_killed_are_cancelled_by_name(checkout: Checkout) -> None:
    # Slurm waits for such an srun for ever (InactiveLimit=0): only the job's name finds it.
    process = running(checkout)
    for each in checkout.leftovers():
        if each.name() == "srun":
            each.kill()
    process.kill()
    checkout.finish(process)
    checkout.wait(lambda: checkout.states() == [], "an empty queue")
    checkout.wait(lambda: checkout.leftovers() == [], "the end of all processes")
