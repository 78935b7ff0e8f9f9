"""Runs one training: leases its units, starts the workers, follows them, ends them."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from accelbench import lease, slurm
from accelbench.devices import DeviceConfig, Found, kind_of
from accelbench.following import Following
from accelbench.lease import Lease
from accelbench.limits import Limits, TimedOutError, Watch
from accelbench.member import account
from accelbench.plan import Plan
from accelbench.progress import Listener, Progress
from accelbench.records import Job, Provenance, Run, State
from accelbench.startup import AttachError
from accelbench.team import Team


@dataclass(frozen=True)
class Launch:
    """Where and how a job runs: the device, its interpreter, limits, and the run's log file."""

    device: Found
    config: DeviceConfig
    limits: Limits
    log: Path
    listener: Listener


def run(job: Job, provenance: Provenance, launch: Launch) -> Run:
    """Train one job in fresh workers and return its Run, whatever became of it.

    KeyboardInterrupt passes through once the workers and all that they started are gone.
    """
    begun = time.perf_counter()
    device, listener = launch.device, launch.listener
    purpose = f"{job.spec.workload} on {job.spec.device}"
    try:
        with _held(launch, purpose) as held:
            following = Following(job, Watch(launch.limits), launch.log, listener)
            provenance = _with_facts(provenance, device.device, held.units)
            plan = Plan(device, launch.config, held, launch.log, provenance.run_id)
            _follow(following, job, plan, launch.limits)
    finally:
        listener.progress(Progress(purpose, "done"))
    return following.finished(provenance, held.queue_seconds, time.perf_counter() - begun)


def _held(launch: Launch, purpose: str) -> AbstractContextManager[Lease]:
    """Hold the units of a run, where it is not Slurm that gives them out to each run."""
    device, waiting = launch.device, launch.listener.waiting
    if slurm.allocates(launch.config.command, os.environ):
        return nullcontext(lease.unlocked(device.units, device.count))
    return lease.hold(device.units, device.count, lease.lock_folder(), purpose, waiting)


def _with_facts(provenance: Provenance, device: str, units: tuple[str, ...]) -> Provenance:
    """Return where a run comes from, with what its units tell of themselves now."""
    facts = kind_of(device).facts
    if facts is None:
        return provenance
    return replace(provenance, treatment=tuple(sorted((*provenance.treatment, *facts(units)))))


def _follow(following: Following, job: Job, plan: Plan, limits: Limits) -> None:
    """Start the workers and see them to their end."""
    following.enter("attach")
    team = Team(following, limits)
    try:
        team.start(job, plan)
        team.follow()
    except TimedOutError as error:
        following.fail(State("timed_out", error.phase), f"{error}{account(team.members)}")
    except AttachError as error:
        if not team.interrupted():
            following.fail(State("crashed", "attach"), str(error))
    finally:
        following.enter("end")
        team.end()
        following.enter("")
