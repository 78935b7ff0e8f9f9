"""Starts a worker's interpreter and speaks to it through execnet.

The one file that knows execnet's inside: its gateway specs are split like a shell line, cut at
`//`, and die of a single line on stdout before the bootstrap. So the process is started here, from
an argument list; what it prints before a marker goes to the run's log; then execnet takes over.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

import execnet
import psutil
from execnet import gateway_base, gateway_bootstrap

import accelbench
from accelbench import boot, processes, slurm
from accelbench.interpreter import Interpreter
from accelbench.jobs import Called
from accelbench.parcel import Parcel, ParcelError
from accelbench.runlog import tail
from accelbench.startup import AttachError, skip_noise
from accelbench.workers import watchdog
from accelbench.workers.watchdog import GRACE_SECONDS, RUN_VARIABLE

_SRUN_GRACE_SECONDS = 10.0
"""How long srun may take to end its task and say so: the node's daemon has a part in it."""

_SSH_FAILED = 255
"""ssh's own exit status; it stands for a command that a signal ended, too."""


class Worker:
    """A worker process that is up, with the channel to its one task.

    Whoever makes one must call `end`, which leaves nothing of it running.
    """

    def __init__(
        self,
        interpreter: Interpreter | Sequence[str],
        env: Mapping[str, str],
        log: Path,
        held: Sequence[int],
        cancels: Sequence[Sequence[str]] = (),
    ) -> None:
        """Start the interpreter, which a plain argument list starts on this host.

        `env` is added to its environment, and names the run. `held` are lock descriptors that it
        shall inherit. `cancels` are commands for the interpreter's host, run where the worker does
        not end by itself. AttachError where there is no such program.
        """
        if not isinstance(interpreter, Interpreter):
            interpreter = Interpreter(tuple(interpreter))
        # Of the ranks of one run each ends its own alone; and what runs behind a guard is the
        # guard's to end, be its host this one.
        own = secrets.token_hex(8)
        self.run_id = f"{env[RUN_VARIABLE]}/{own}"
        theirs = f"{env[RUN_VARIABLE]}@{own}" if interpreter.host else self.run_id
        self._interpreter, self._log = interpreter, log
        self._env = {**env, RUN_VARIABLE: theirs}
        self.called = Called.by(interpreter.argv, f"accelbench-{own}", here=not interpreter.ssh)
        if self.called is not None:
            self._env[slurm.NAME_VARIABLE] = self.called.name
            cancels = (*cancels, self.called.cancel_command)
        self._cancels = [_there(interpreter, command) for command in cancels]
        self._gateway: Any = None
        self._guarded = self._arrived = False
        reading, self._lifeline = os.pipe()
        self._grace_seconds = _grace_seconds(interpreter)
        self._watchdog = watchdog.start(reading, self.run_id, self._grace_seconds, self._cancels)
        try:
            self._process = self._start(held)
        except OSError as error:
            os.write(self._lifeline, watchdog.DONE)
            os.close(self._lifeline)
            self._watchdog.wait()
            program = (*interpreter.ssh, *interpreter.argv)[0]
            raise AttachError(f"cannot start {program}: {error.strerror}") from None
        self._root = psutil.Process(self._process.pid)  # by its start time too: pids are reused

    def _start(self, held: Sequence[int]) -> subprocess.Popen[bytes]:
        line = self._interpreter.line(("-u", "-c", boot.BOOT), self._env)
        added = {} if self._interpreter.ssh else self._env
        with self._log.open("ab") as sink:
            return subprocess.Popen(
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                env={**os.environ, **added, RUN_VARIABLE: self.run_id},
                pass_fds=held,
                start_new_session=True,
            )

    def arrive(self) -> None:
        """Wait until the interpreter is up; AttachError.

        Blocks: whoever watches the time ends the worker from another thread.
        """
        with self._told():
            skip_noise(cast("IO[bytes]", self._process.stdout), self._log)
            if self._interpreter.host:
                self._put_guard_in_front()
            self._arrived = True

    def attach(self, job: str) -> Any:  # noqa: ANN401  # execnet has no types
        """Send the interpreter the job once it is up, and return the channel; AttachError.

        Blocks as `arrive` does.
        """
        if not self._arrived:
            self.arrive()
        with self._told():
            return self._send(job)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say as an AttachError what went wrong on the way to the interpreter."""
        try:
            yield
        except (OSError, EOFError, AssertionError):
            raise AttachError(self._ended_at_once()) from None
        except (execnet.RemoteError, ParcelError) as error:
            last = str(error).strip().rpartition("\n")[2]
            raise AttachError(f"{self._interpreter.host}: {last}") from None

    def _put_guard_in_front(self) -> None:
        """Have the interpreter start another one, and stand guard in front of it."""
        stdin = cast("IO[bytes]", self._process.stdin)
        stdin.write(boot.guard_line(self._env))
        stdin.flush()
        skip_noise(cast("IO[bytes]", self._process.stdout), self._log)
        self._guarded = True

    def _send(self, job: str) -> Any:  # noqa: ANN401  # execnet has no types
        spec = execnet.XSpec("popen//python=python")
        spec.id = "worker"  # execnet pastes it into source: nothing of the user's may be in it
        spec.execmodel = "main_thread_only"
        self._gateway = gateway_bootstrap.bootstrap(_Streams(self._process), spec)
        if self._guarded:
            channel = self._gateway.remote_exec(boot.SERVE_ELSEWHERE)
            channel.send(boot.sources())
            job = Parcel.of(job).deliver(channel)
        else:
            channel = self._gateway.remote_exec(boot.SERVE_HERE)
            channel.send((str(Path(accelbench.__file__).parent), str(self._log)))
        channel.send(job)
        return channel

    def _ended_at_once(self) -> str:
        """Say how the interpreter ended before it was up; a failed ssh in its own words."""
        how, said = self.exit_text(), tail(self._log, lines=1).strip()
        if self._interpreter.ssh and self._process.poll() == _SSH_FAILED and said:
            return f"ssh {self._interpreter.host}: {said}"
        return f"the interpreter ended at once ({how})"

    @property
    def alive(self) -> bool:
        """Whether the worker's first process still runs."""
        return self._process.poll() is None

    def exit_text(self) -> str:
        """Say how the worker ended, waiting a moment for it."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "still running"
        if self._interpreter.ssh and code == _SSH_FAILED:
            return f"connection to {self._interpreter.host} lost"
        if self._interpreter.host and 128 < code < _SSH_FAILED:  # as shells, ssh and srun say it
            code = 128 - code
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"

    def kill(self) -> None:
        """Kill all that was started so far, at once; `end` must still follow.

        All: a launcher's child would keep the pipe open on which `attach` waits. A launcher to
        another host is asked first: killed, srun would leave its task behind.
        """
        with suppress(psutil.NoSuchProcess):
            if self._interpreter.host:
                processes.end(processes.tree(self._root), self._grace_seconds)
            # The first process first: a shell would report its child's end in the log.
            processes.send([*reversed(processes.tree(self._root))], signal.SIGKILL)
        processes.send(processes.started_under(self.run_id), signal.SIGKILL)

    def finish(self, timeout_seconds: float) -> None:
        """Let a worker that is done end by itself, so that its interpreter can clean up."""
        with suppress(OSError):
            if self._guarded:  # the end of its input would make the guard end it
                self._gateway._send(gateway_base.Message.GATEWAY_TERMINATE)
            else:
                cast("IO[bytes]", self._process.stdin).close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=timeout_seconds)

    def let_go(self) -> None:
        """Have a guard on another host end all that is there, without waiting for it.

        Of several workers that shall end, each is let go before the first is waited for.
        """
        if self._guarded:
            with suppress(OSError):
                cast("IO[bytes]", self._process.stdin).close()

    def end(self, grace_seconds: float = 2.0) -> None:
        """End the whole process tree and everything that was started under this run."""
        well = self._process.poll() == 0
        try:
            self.let_go()
            if self._guarded:  # it answers when nothing of the worker is left
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout=self._grace_seconds)
            with suppress(psutil.NoSuchProcess):
                processes.end(processes.tree(self._root), grace_seconds)
            watchdog.cancel(() if well else self._cancels)
            os.write(self._lifeline, watchdog.DONE)
        finally:  # a second Ctrl-C ends the grace, and nothing else
            os.close(self._lifeline)  # the watchdog kills whatever had left the tree
            processes.end(processes.started_under(self.run_id), 0.0)
        self._process.wait()
        self._watchdog.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        if self._gateway is not None:
            self._gateway.join(timeout=5)


def _grace_seconds(interpreter: Interpreter) -> float:
    """Return how long what is in front of another host's worker may take to end it."""
    if slurm.by_srun(interpreter.argv):
        return _SRUN_GRACE_SECONDS
    return GRACE_SECONDS + 1.0 if interpreter.host else 0.0


def _there(interpreter: Interpreter, command: Sequence[str]) -> Sequence[str]:
    """Return what runs a command on the host of an interpreter, or in front of its srun."""
    if not interpreter.ssh:
        return command
    return (*interpreter.ssh, interpreter.host, shlex.join(command))


class _Streams(gateway_base.Popen2IO):  # type: ignore[misc]  # execnet has no types
    """The worker's pipes, as execnet wants them."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(
            process.stdin, process.stdout, execnet.gateway_base.get_execmodel("thread")
        )
        self._process = process

    def wait(self) -> int:
        return self._process.wait()

    def kill(self) -> None:
        self._process.kill()
