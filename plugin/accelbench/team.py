"""The workers of one run, one a rank: started together, heard, and ended together.

A run with one rank is a team of one. Of several the first leads: its epochs and steps are the
run's, and it tells where the others meet it. Whatever ends one of them ends all.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from accelbench import codec, runlog
from accelbench.following import Following
from accelbench.gateway import AttachError, Worker
from accelbench.limits import Limits
from accelbench.plan import Plan
from accelbench.records import Job, State, WorkerResult

POLL_SECONDS = 0.25

LAST_WORDS_SECONDS = 1.0
"""How long the other ranks are heard after one has failed: whose death reads first is chance."""

SILENT_SECONDS = 3.0
"""Three heartbeats: a rank that is not heard for so long is stopped, or holds its interpreter."""

WAITING = {
    "_engine_run_backward",
    "_new_process_group_helper",
    "_store",
    "_store_based_barrier",
    "all_reduce",
    "init_process_group",
    "join",
    "summed",
    "wait",
}
"""The functions in which a rank waits for the others, as torch's and ours are named."""


@dataclass
class Member:
    """One rank: its worker, and what it said last."""

    rank: int
    worker: Worker
    log: Path
    channel: Any = None
    phase: str = "attach"
    steps: int = 0
    where: str = ""
    heard: float = field(default_factory=time.perf_counter)
    result: WorkerResult | None = None
    failure: str = ""
    ended: bool = False

    @property
    def running(self) -> bool:
        """Whether something more is to be heard of it."""
        return self.result is None and not self.failure and not self.ended

    def described(self) -> str:
        """Say where the rank is, for a message about all of them."""
        silent = time.perf_counter() - self.heard
        told = f"rank {self.rank}: "
        if self.ended:
            return told + self.worker.exit_text()
        told += f"{self.phase}, step {self.steps}"
        told += f", in {self.where}" if self.where else ""
        return f"{told}, not heard for {silent:.0f} s" if silent > SILENT_SECONDS else told


class Team:
    """The members of one run; whoever makes one must call `end`."""

    def __init__(self, following: Following, limits: Limits) -> None:
        self._following = following
        self._limits = limits
        self._local = True
        self.members: list[Member] = []

    def start(self, job: Job, plan: Plan) -> None:
        """Start all interpreters at once, then attach to each and give it its job; AttachError."""
        self._local = plan.local(job.world)
        for rank in range(job.world):
            log = plan.log if rank == 0 else plan.log.with_suffix(f".rank-{rank}.log")
            how, env = plan.interpreter(rank, job.world), plan.environment(rank, job.world)
            worker = Worker(how, env, log, plan.held.descriptors)
            self.members.append(Member(rank, worker, log))
        for member in self.members:
            self._attach(member, replace(job, rank=member.rank))

    def _attach(self, member: Member, job: Job) -> None:
        """Attach under the phase's limit: only ending the worker ends a blocking read."""
        watch, limits = self._following.watch, self._limits
        allowed = min(limits.stall("attach"), limits.run_seconds)
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            member.worker.kill()

        timer = threading.Timer(allowed, expire)
        timer.start()
        try:
            member.channel = member.worker.attach(codec.dumps(job))
            member.heard = time.perf_counter()
        except AttachError as error:
            if expired.is_set():
                whole = allowed < limits.stall("attach")
                raise (watch.overran(allowed) if whole else watch.stalled(allowed)) from None
            raise AttachError(self._of(member, str(error))) from None
        finally:
            timer.cancel()

    def follow(self) -> None:
        """Hear all members until each has told its result, or one has failed; TimedOutError."""
        while any(member.running for member in self.members):
            for member in self.members:
                runlog.trim(member.log)
            self._hear_all(POLL_SECONDS)
            if any(member.failure or member.ended for member in self.members):
                self._hear_last_words()
                self._blame()
                return
        self._following.joined([m.result for m in self.members if m.result is not None])
        self._following.enter("end")
        for member in self.members:
            member.worker.finish(self._limits.stall("teardown"))

    def _hear_all(self, seconds: float) -> None:
        """Take in what the members say, waiting so long for the first one that still runs."""
        for member in self.members:
            if member.running:
                while self._hear(member, seconds):
                    seconds = 0.0
                seconds = 0.0
        self._following.watch.check()

    def _hear(self, member: Member, seconds: float) -> bool:
        """Take in one message; False where there is none, or was the last."""
        channel = member.channel
        try:
            kind, *content = channel.receive(timeout=seconds)
        except channel.TimeoutError:
            return False
        except RuntimeError as error:
            # A second Ctrl-C at the moment when the queue gives up its lock for the first one.
            if isinstance(error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise
        except (EOFError, OSError):
            member.ended = True
            return False
        except channel.RemoteError as error:
            member.failure = str(error)
            return False
        member.heard = time.perf_counter()
        self._take(member, kind, content)
        return member.running

    def _take(self, member: Member, kind: str, content: list[Any]) -> None:
        if kind == "rendezvous":
            self._introduce(*content)
            return
        if kind == "phase":
            (member.phase,) = content
        elif kind == "step":
            _, member.steps, _, member.where = content
        elif kind == "failure":
            (member.failure,) = content
        elif kind == "result":
            member.result = codec.loads(WorkerResult, content[0])
        if member.rank == 0 and kind != "failure":
            self._following.heard(kind, content)

    def _introduce(self, host: str, port: int) -> None:
        """Tell the others where the first one listens, by its own host's name or on this host."""
        for member in self.members[1:]:
            member.channel.send(("127.0.0.1" if self._local else host, port))

    def _hear_last_words(self) -> None:
        """Hear the others a moment longer: a killed rank's neighbours may be faster to complain."""
        until = time.perf_counter() + LAST_WORDS_SECONDS
        while any(member.running for member in self.members) and time.perf_counter() < until:
            self._hear_all(0.02)
            if any(member.ended for member in self.members):
                return

    def _blame(self) -> None:
        """Name who failed: a member that ended without a word, else the first that spoke."""
        phase = self._following.watch.phase
        ended = next((member for member in self.members if member.ended), None)
        if ended is not None:
            text = ended.worker.exit_text()
            message = self._of(ended, f"the worker ended in {ended.phase}: {text}")
            self._following.fail(State("crashed", self._of(ended, text)), message, ended.log)
            return
        failed = next(member for member in self.members if member.failure)
        state = State("crashed", self._of(failed, phase))
        self._following.fail(state, self._of(failed, failed.failure), failed.log)

    def _of(self, member: Member, text: str) -> str:
        """Return a text about one member, named where it is one of several."""
        return text if len(self.members) == 1 else f"rank {member.rank}: {text}"

    def account(self) -> str:
        """Say which rank held the others up, and where each is; nothing for a team of one."""
        if len(self.members) == 1:
            return ""
        late = self._late()
        told = "" if late is None else f"\nrank {late.rank} holds the others up"
        return told + "".join(f"\n  {member.described()}" for member in self.members)

    def _late(self) -> Member | None:
        """Return the rank that the others wait for; None where nothing tells it."""
        now = time.perf_counter()
        silent = [m for m in self.members if now - m.heard > SILENT_SECONDS]
        fewest = min(m.steps for m in self.members)
        behind = [m for m in self.members if m.steps == fewest]
        busy = [m for m in self.members if m.where.partition(" ")[0] not in WAITING]
        for suspects in (silent, behind, busy):
            if len(suspects) == 1:
                return suspects[0]
        return None

    def end(self) -> None:
        """End all workers, and everything that they started."""
        for member in self.members:
            member.worker.let_go()
        for member in self.members:
            member.worker.end()
            runlog.trim(member.log)
