"""Starts a worker's interpreter and speaks to it through execnet.

The one file that knows execnet's inside: its gateway specs are split like a shell line, cut at
`//`, and die of a single line on stdout before the bootstrap. So the process is started here, from
an argument list; what it prints before a marker goes to the run's log; then execnet takes over.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

import execnet
import psutil
from execnet import gateway_base, gateway_bootstrap

import accelbench
from accelbench.runlog import LARGEST_BYTES
from accelbench.workers import watchdog
from accelbench.workers.watchdog import RUN_VARIABLE

_MARKER = b"accelbench-worker-ready\n"
_BOOT = (
    "import sys;sys.stdout.write('accelbench-worker-ready\\n');sys.stdout.flush();"
    "exec(eval(sys.stdin.readline()))"
)
# The worker's interpreter has its own packages: only this one package is added to them, and
# nothing that lies beside it.
_SERVE = """
import importlib.util, os, sys
folder, log = channel.receive()
os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
os.dup2(1, 2)
spec = importlib.util.spec_from_file_location(
    "accelbench", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder])
sys.modules["accelbench"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from accelbench.workers.entry import serve
serve(channel)
"""


class AttachError(Exception):
    """The worker's interpreter did not come up; the message says how it ended."""


class Worker:
    """A worker process that is up, with the channel to its one task.

    Whoever makes one must call `end`, which leaves nothing of it running.
    """

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], log: Path, held: Sequence[int]
    ) -> None:
        """Start the interpreter; `held` are lock descriptors that it shall inherit."""
        self.run_id = env[RUN_VARIABLE]
        reading, self._lifeline = os.pipe()
        self._watchdog = watchdog.start(reading, self.run_id)
        try:
            with log.open("ab") as sink:
                self._process = subprocess.Popen(
                    [*argv, "-u", "-c", _BOOT],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=sink,
                    env={**os.environ, **env},
                    pass_fds=held,
                    start_new_session=True,
                )
        except OSError as error:
            os.close(self._lifeline)
            self._watchdog.wait()
            raise AttachError(f"cannot start {argv[0]}: {error.strerror}") from None
        self._root = psutil.Process(self._process.pid)  # by its start time too: pids are reused
        self._log = log
        self._gateway: Any = None

    def attach(self, job: str) -> Any:  # noqa: ANN401  # execnet has no types
        """Wait for the interpreter, send it the job, and return the channel; AttachError.

        Blocks: whoever watches the time ends the worker from another thread.
        """
        try:
            self._skip_noise()
            spec = execnet.XSpec("popen//python=python")
            spec.id = "worker"  # execnet pastes it into source: nothing of the user's may be in it
            spec.execmodel = "main_thread_only"
            streams = _Streams(self._process)
            self._gateway = gateway_bootstrap.bootstrap(streams, spec)
            channel = self._gateway.remote_exec(_SERVE)
            channel.send((str(Path(accelbench.__file__).parent), str(self._log)))
            channel.send(job)
        except (OSError, EOFError, AssertionError):
            raise AttachError(f"the interpreter ended at once ({self.exit_text()})") from None
        return channel

    def _skip_noise(self) -> None:
        """Move what comes before the marker to the log: wrapper scripts and modules talk."""
        stdout = cast("IO[bytes]", self._process.stdout)
        size = 0
        with self._log.open("ab") as sink:
            while True:
                line = stdout.readline(2**16)
                size += len(line)
                if not line:
                    raise EOFError
                if size > LARGEST_BYTES:
                    raise AttachError(
                        f"the command printed over {LARGEST_BYTES >> 20} MiB and started no worker"
                    )
                if line.endswith(_MARKER):
                    sink.write(line[: -len(_MARKER)])
                    return
                sink.write(line)
                sink.flush()

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
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"

    def kill(self) -> None:
        """Kill all that was started so far, at once; `end` must still follow.

        All: a launcher's child would keep the pipe open on which `attach` waits.
        """
        with suppress(psutil.NoSuchProcess):
            # The first process first: a shell would report its child's end in the log.
            _signal([*reversed(_tree(self._root))], signal.SIGKILL)
        _signal(_started_under(self.run_id), signal.SIGKILL)

    def finish(self, timeout_seconds: float) -> None:
        """Let a worker that is done end by itself, so that its interpreter can clean up."""
        with suppress(OSError):
            cast("IO[bytes]", self._process.stdin).close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=timeout_seconds)

    def end(self, grace_seconds: float = 2.0) -> None:
        """End the whole process tree and everything that was started under this run."""
        try:
            with suppress(psutil.NoSuchProcess):
                _end(_tree(self._root), grace_seconds)
        finally:  # a second Ctrl-C ends the grace, and nothing else
            os.close(self._lifeline)  # the watchdog kills whatever had left the tree
            _end(_started_under(self.run_id), 0.0)
        self._process.wait()
        self._watchdog.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        if self._gateway is not None:
            self._gateway.join(timeout=5)


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


def _tree(root: psutil.Process) -> list[psutil.Process]:
    return [*root.children(recursive=True), root]


def _started_under(run_id: str) -> list[psutil.Process]:
    """Return the processes of this user that carry the run's id in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(RUN_VARIABLE) == run_id:
                found.append(process)
    return found


def _end(processes: list[psutil.Process], grace_seconds: float) -> None:
    """Ask, wait, then kill: an SDK may want to detach from its device."""
    if grace_seconds:
        _signal(processes, signal.SIGTERM)
        processes = _still_running(processes, grace_seconds)
    _signal(processes, signal.SIGKILL)
    _still_running(processes, 5.0)


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def _still_running(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all are gone or `seconds` are over; a zombie awaits only its parent's notice."""
    end = time.perf_counter() + seconds
    while True:
        processes = [each for each in processes if not _gone(each)]
        if not processes or time.perf_counter() > end:
            return processes
        time.sleep(0.01)


def _gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True
