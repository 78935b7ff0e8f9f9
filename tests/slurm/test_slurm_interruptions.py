"""What Slurm ends is interrupted, not crashed, and says why and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from tests.slurm.conftest import Checkout

SRUN = ("srun", "--unbuffered", "--ntasks=1")


def training(checkout: Checkout, *options: str) -> subprocess.Popen[str]:
    """Start a long training, and wait until it trains."""
    checkout.configure(*SRUN, *options)
    process = checkout.start(checkout.training("seconds=600"))
    checkout.wait(lambda: checkout.started.exists() or process.poll() is not None, "a training")
    return process


def ends(checkout: Checkout, process: subprocess.Popen[str], state: str) -> str:
    """Wait for a run that ends in a state, and return the first line of what is said of it."""
    done = checkout.finish(process)
    assert done.status == 1, done.err
    assert done.run["state"] == state, done.run["message"]
    return str(done.run["message"].splitlines()[0])


def job(checkout: Checkout) -> str:
    (number,) = checkout.cluster.jobs()
    return number


def test_a_walltime_interrupts(checkout: Checkout) -> None:
    process = training(checkout, "--time=1")
    # Limits are whole minutes, and looked at every half of one: this ends within that.
    checkout.cluster.ask("scontrol", "update", f"jobid={job(checkout)}", "EndTime=now+1")
    message = ends(checkout, process, "interrupted(walltime)")
    assert message == (
        "Slurm ended the job: its time limit was reached: "
        "ask Slurm for more time (--time), or train less"
    )


def test_scancel_interrupts(checkout: Checkout) -> None:
    process = training(checkout)
    checkout.cluster.ask("scancel", job(checkout))
    message = ends(checkout, process, "interrupted(cancelled)")
    assert "it was cancelled (scancel): run it again" in message


def test_scancel_of_a_step_interrupts(checkout: Checkout) -> None:
    checkout.configure(*SRUN, "--exact")
    process = checkout.start(["salloc", "--quiet", "--ntasks=1", *checkout.training("seconds=600")])
    checkout.wait(lambda: checkout.started.exists() or process.poll() is not None, "a training")
    (step,) = checkout.steps()
    checkout.cluster.ask("scancel", step)
    ends(checkout, process, "interrupted(cancelled)")


def test_preemption_interrupts(checkout: Checkout) -> None:
    process = training(checkout, "--partition=spare", "--exclusive")
    checkout.fill(3)
    ends(checkout, process, "interrupted(preempted)")


def test_the_failure_of_a_node_interrupts(checkout: Checkout) -> None:
    process = training(checkout)
    checkout.cluster.ask("scontrol", "update", "nodename=n1", "state=down", "reason=test")
    ends(checkout, process, "interrupted(node_fail)")


def test_too_much_memory_interrupts(checkout: Checkout) -> None:
    checkout.workload(step="hoard = bytearray(2**28); time.sleep(60)")
    checkout.configure(*SRUN, "--mem=100")
    message = ends(checkout, checkout.start(checkout.training()), "interrupted(oom)")
    assert "ask Slurm for more (--mem)" in message


def test_a_worker_that_kills_itself_crashes(checkout: Checkout) -> None:
    checkout.workload(step="os.kill(os.getpid(), 9)")
    checkout.configure(*SRUN)
    ends(checkout, checkout.start(checkout.training()), "crashed(killed by signal 9)")


def test_a_test_whose_run_was_interrupted_fails_with_the_reason(checkout: Checkout) -> None:
    checkout.workload(defaults='{"batch_size": 4, "seconds": 600.0}')
    checkout.configure(*SRUN)
    process = checkout.start(checkout.session())
    checkout.wait(lambda: checkout.started.exists() or process.poll() is not None, "a training")
    checkout.cluster.ask("scancel", job(checkout))
    done = checkout.finish(process)
    assert done.status == pytest.ExitCode.TESTS_FAILED
    assert "interrupted(cancelled): Slurm ended the job: it was cancelled" in done.out


def test_a_queued_job_that_is_cancelled_interrupts(checkout: Checkout) -> None:
    script = checkout.root / "full.sh"
    script.write_text(
        '[ -e second ] || { touch second; exec "$@"; }\nexec "$1" --begin=now+600 "${@:2}"\n'
    )
    checkout.configure("bash", str(script), *SRUN)
    process = checkout.start(checkout.training())
    checkout.wait(
        lambda: (checkout.root / "second").exists() and checkout.states() == ["PENDING"],
        "a job in the queue",
    )
    checkout.cluster.ask("scancel", job(checkout))
    ends(checkout, process, "interrupted(cancelled)")
