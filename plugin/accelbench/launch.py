"""Runs one training: leases the unit, starts a worker, follows it, ends it, returns the Run."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelbench import codec, lease, runlog
from accelbench.devices import DeviceConfig, Found
from accelbench.following import Following
from accelbench.gateway import AttachError, Worker
from accelbench.limits import Limits, TimedOutError, Watch
from accelbench.progress import Listener, Progress
from accelbench.records import Job, Provenance, Run, State
from accelbench.workers.watchdog import RUN_VARIABLE

POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Launch:
    """Where and how a job runs: the device, its interpreter, limits, and the run's log file."""

    device: Found
    config: DeviceConfig
    limits: Limits
    log: Path
    listener: Listener


def run(job: Job, provenance: Provenance, launch: Launch) -> Run:
    """Train one job in a fresh worker and return its Run, whatever became of it.

    KeyboardInterrupt passes through once the worker and all that it started are gone.
    """
    begun = time.perf_counter()
    unit = launch.device.units[0]
    purpose = f"{job.spec.workload} on {job.spec.device}"
    try:
        with lease.hold(unit, lease.lock_folder(), purpose, launch.listener.waiting) as held:
            following = Following(job, Watch(launch.limits), launch.log, launch.listener)
            _follow(following, job, provenance, launch, held)
    finally:
        launch.listener.progress(Progress(purpose, "done"))
    return following.finished(provenance, held.queue_seconds, time.perf_counter() - begun)


def _follow(
    following: Following, job: Job, provenance: Provenance, launch: Launch, held: lease.Lease
) -> None:
    """Start the worker and see it to its end."""
    following.enter("attach")
    env = {**dict(launch.config.env), RUN_VARIABLE: provenance.run_id}
    try:
        worker = Worker(launch.config.argv(), env, launch.log, [held.descriptor])
    except AttachError as error:
        following.fail(State("crashed", "attach"), str(error))
        return
    try:
        channel = _attach(worker, codec.dumps(job), following.watch)
        _listen(channel, worker, following, launch)
    except TimedOutError as error:
        following.fail(State("timed_out", error.phase), str(error))
    except AttachError as error:
        following.fail(State("crashed", "attach"), str(error))
    finally:
        following.enter("end")
        worker.end()
        runlog.trim(launch.log)
        following.enter("")


def _attach(worker: Worker, job: str, watch: Watch) -> Any:  # noqa: ANN401  # execnet has no types
    """Attach under the phase's limit: only ending the worker ends a blocking read."""
    limits = watch.limits
    allowed = min(limits.stall("attach"), limits.run_seconds)
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        worker.kill()

    timer = threading.Timer(allowed, expire)
    timer.start()
    try:
        return worker.attach(job)
    except AttachError:
        if expired.is_set():
            whole = allowed < limits.stall("attach")
            raise (watch.overran(allowed) if whole else watch.stalled(allowed)) from None
        raise
    finally:
        timer.cancel()


def _listen(channel: Any, worker: Worker, following: Following, launch: Launch) -> None:  # noqa: ANN401  # execnet has no types
    """Take messages in until the last one, or until the worker is gone; TimedOutError."""
    while True:
        runlog.trim(launch.log)
        try:
            kind, *content = channel.receive(timeout=POLL_SECONDS)
        except channel.TimeoutError:
            following.watch.check()
            continue
        except RuntimeError as error:
            # A second Ctrl-C at the moment when the queue gives up its lock for the first one.
            if isinstance(error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise
        except (EOFError, OSError):
            text, phase = worker.exit_text(), following.watch.phase
            following.fail(State("crashed", text), f"the worker ended in {phase}: {text}")
            return
        except channel.RemoteError as error:
            following.fail(State("crashed", following.watch.phase), str(error))
            return
        if following.heard(kind, content):
            following.enter("end")
            worker.finish(launch.limits.stall("teardown"))
            return
