"""The workers of one run, one a rank: started together, heard, and ended together.

A run with one rank is a team of one. Of several the first leads: its epochs and steps are the
run's, and it tells where the others meet it. Whatever ends one of them ends all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from accelbench import codec, runlog, slurm
from accelbench.following import Following
from accelbench.gateway import Worker
from accelbench.limits import Limits
from accelbench.member import Member
from accelbench.plan import Plan
from accelbench.records import Job, State, WorkerResult
from accelbench.startup import AttachError

POLL_SECONDS = 0.25

ATTACH_POLL_SECONDS = 0.1

LAST_WORDS_SECONDS = 1.0
"""How long the other ranks are heard after one has failed: whose death reads first is chance."""


class Team:
    """The members of one run; whoever makes one must call `end`."""

    def __init__(self, following: Following, limits: Limits) -> None:
        self._following = following
        self._limits = limits
        self._local = True
        self.members: list[Member] = []

    def start(self, job: Job, plan: Plan) -> None:
        """Start all interpreters at once, wait until all are up, give each its job; AttachError.

        All before the first: a rank that has its job does not wait long for one that is queued.
        """
        self._local = plan.local(job.world)
        for rank in range(job.world):
            log = plan.log if rank == 0 else plan.log.with_suffix(f".rank-{rank}.log")
            how, env = plan.interpreter(rank, job.world), plan.environment(rank, job.world)
            worker = Worker(how, env, log, plan.held.descriptors, plan.cancels())
            self.members.append(Member(rank, worker, log))
        for member in self.members:
            self._wait(member, member.worker.arrive)
        for member in self.members:
            send = partial(member.worker.attach, codec.dumps(replace(job, rank=member.rank)))
            member.channel = self._wait(member, send)
            member.heard = time.perf_counter()

    def _wait(self, member: Member, attach: Callable[[], Any]) -> Any:  # noqa: ANN401  # execnet has no types
        """Do what blocks until a worker answers, under the limit of the phase that this is.

        Only the worker's end ends a blocking read. While Slurm has it queued no limit runs.
        """
        self._following.enter("attach")
        with ThreadPoolExecutor(1, "attach") as thread:
            doing = thread.submit(attach)
            try:
                while True:
                    try:
                        return doing.result(ATTACH_POLL_SECONDS)
                    except TimeoutError:
                        self._see_queue(member)
                        self._following.watch.check()
            except AttachError as error:
                raise AttachError(self._of(member, str(error))) from None
            finally:
                if not doing.done():
                    member.worker.kill()

    def _see_queue(self, member: Member) -> None:
        """Note where Slurm has begun or ceased to keep a worker waiting, as its srun tells."""
        called = member.worker.called
        if called is None:
            return
        said = runlog.tail(member.log, lines=50).splitlines()
        phase = "queue" if called.queued(said) else "attach"
        if phase != self._following.watch.phase:
            self._following.enter(phase)

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
            member.failure, member.state = content
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
        """Name who failed: Slurm, a member that ended without a word, else the first that spoke."""
        if self.interrupted():
            return
        phase = self._following.watch.phase
        ended = next((member for member in self.members if member.ended), None)
        if ended is not None:
            text = ended.worker.exit_text()
            message = self._of(ended, f"the worker ended in {ended.phase}: {text}")
            self._following.fail(State("crashed", self._of(ended, text)), message, ended.log)
            return
        failed = next(member for member in self.members if member.failure)
        state = State("crashed", self._of(failed, phase))
        if failed.state:
            state = State.parse(failed.state)
        self._following.fail(state, self._of(failed, failed.failure), failed.log)

    def interrupted(self) -> bool:
        """Tell whether Slurm ended the run, and note it; to be asked before the run is ended."""
        for member in self.members:
            called = member.worker.called
            if called is None:
                continue
            if member.ended:
                member.worker.exit_text()  # which waits a moment for srun's last words
            said = runlog.tail(member.log, lines=200)
            reason = called.interruption(said, alive=member.worker.alive)
            if reason:
                message = self._of(member, slurm.meaning(reason))
                self._following.fail(State("interrupted", reason), message, member.log)
                return True
        return False

    def _of(self, member: Member, text: str) -> str:
        """Return a text about one member, named where it is one of several."""
        return text if len(self.members) == 1 else f"rank {member.rank}: {text}"

    def end(self) -> None:
        """End all workers, and everything that they started."""
        for member in self.members:
            member.worker.let_go()
        for member in self.members:
            member.worker.end()
            runlog.trim(member.log)
