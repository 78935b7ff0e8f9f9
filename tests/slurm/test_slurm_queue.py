"""Time in Slurm's queue is the queue's: no limit runs in it, and no phase but `queue` holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.slurm.conftest import Checkout

SRUN = ("srun", "--unbuffered", "--ntasks=1")
LIMITS = ("--stall-timeout", "attach=3", "--run-timeout", "4.5")

# A setup runs twice: to find the device, and to train on it. The second time the node is full.
FULL_AT_SECOND = """
[ -e second ] || { touch second; exec "$@"; }
sbatch --exclusive --output=/dev/null --job-name=other --wrap="exec sleep 6" >/dev/null
until [ "$(squeue --noheader --name=other --format=%T)" = RUNNING ]; do sleep 0.05; done
exec "$@"
"""

BUSY_AT_SECOND = """
[ -e second ] || { touch second; exec "$@"; }
srun --exact --ntasks=1 --job-name=other sleep 6 </dev/null >/dev/null 2>&1 &
until squeue --noheader --steps --format=%j | grep -q other; do sleep 0.05; done
exec "$@"
"""


def test_a_run_that_waits_for_its_job_is_queued_and_passes_no_limit(checkout: Checkout) -> None:
    script = checkout.root / "full.sh"
    script.write_text(FULL_AT_SECOND)
    checkout.configure("sh", str(script), *SRUN)
    done = checkout.do(checkout.training(*LIMITS))
    assert done.status == 0, done.err
    phases = done.run["phases"]
    assert phases["queue"] > 4.5 > phases["attach"] > 0


def test_a_step_that_waits_for_its_allocation_is_queued(checkout: Checkout) -> None:
    # Its srun says nothing before the wait is over.
    script = checkout.root / "full.sh"
    script.write_text(BUSY_AT_SECOND)
    checkout.configure("sh", str(script), *SRUN, "--exact")
    done = checkout.do(["salloc", "--quiet", "--ntasks=1", *checkout.training(*LIMITS)])
    assert done.status == 0, done.err
    phases = done.run["phases"]
    assert phases["queue"] > 3 > phases["attach"] > 0


def test_finding_a_device_waits_for_its_job(checkout: Checkout) -> None:
    checkout.configure(*SRUN)
    checkout.fill(3)
    done = checkout.do(checkout.training())
    assert done.status == 0, done.err
    assert done.run["state"] == "completed"
