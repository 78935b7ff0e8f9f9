"""A real ssh server of the tests' own user, and a worker on the host that it reaches: this one.

What runs "there" carries another run id than the session's: only its own guards end it, as on any
other host.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from accelbench import codec
from accelbench.gateway import Worker
from accelbench.interpreter import DeviceConfig
from accelbench.records import DataFiles, Job, RunSpec, Scalar
from accelbench.workers.watchdog import RUN_VARIABLE

DEADLINE_SECONDS = 60

_WORKLOAD = """
import ctypes, os, signal, subprocess, sys, time
import accelbench
from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"mode": ""}

def tell(*words):
    print("tells", *words, flush=True)

def start(params, seed, data):
    mode = params.text("mode")
    tell("package", accelbench.__file__)
    tell("workload", __file__)
    if data is not None:
        folder = os.path.dirname(data.train_images.filename)
        tell("data", folder, sorted(os.listdir(folder)))
    def step(number):
        if mode.startswith("hang"):
            child = "import os, time; os.setsid(); print('child', os.getpid(), flush=True); "
            subprocess.Popen([sys.executable, "-c", child + "time.sleep(1000)"])
            subprocess.Popen(["sh", "-c", "trap '' INT TERM; sleep 1000"])
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            tell("hangs", os.getpid())
            ctypes.PyDLL(None).sleep(1000) if mode == "hang in C" else time.sleep(1000)
        if mode == "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        if mode == "exit":
            subprocess.Popen(["sh", "-c", "setsid sleep 1000 & sleep 1000"])
            os._exit(7)
        return 1.0
    return Stepper(step, lambda: Evaluation(0.25, 10), 1, 5)
"""


@dataclass(frozen=True)
class Server:
    """A running sshd; `options` bring ssh to it, by the host names `there` and `nearby`."""

    config: Path

    @property
    def options(self) -> tuple[str, ...]:
        return ("-F", str(self.config))

    def table(self, **env: str) -> str:
        """Return the device table of pyproject.toml for the cpu on the host `there`."""
        variables = ", ".join(f'{name} = "{value}"' for name, value in env.items())
        return (
            f'[tool.accelbench.device.cpu]\nssh = "there"\nssh_options = ["-F", "{self.config}"]\n'
            f'command = ["{sys.executable}"]\nenv = {{ {variables} }}\n'
        )


def _program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is missing: apt-get install openssh-server openssh-client")
    return path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An ssh server on a high port, with keys of its own."""
    sshd, keygen = _program("sshd"), _program("ssh-keygen")
    _program("ssh")
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user", "stranger"):
        subprocess.run(
            [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    port = free_port()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n"
    )
    kind, key, *_ = (folder / "host.pub").read_text().split()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    (folder / "ssh_config").write_text(
        f"Host there nearby\n  HostName 127.0.0.1\n  Port {port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {folder}/user\n  IdentitiesOnly yes\n  IdentityAgent none\n"
        f"  UserKnownHostsFile {folder}/known\n"
    )
    if os.geteuid() == 0:  # what the distribution's service makes before it starts sshd
        Path("/run/sshd").mkdir(exist_ok=True)
    # No child of this process, for other tests count theirs; and it outlives none for long.
    command = f"timeout 1800 {sshd} -D -f {folder}/sshd_config -E {folder}/sshd.log &"
    subprocess.run(["sh", "-c", command], check=True, start_new_session=True)
    try:
        yield _answering(Server(folder / "ssh_config"), folder / "sshd.log")
    finally:
        with suppress(OSError):  # it did not come up
            os.kill(int((folder / "pid").read_text()), signal.SIGTERM)


def _answering(server: Server, log: Path) -> Server:
    """Return a server that lets us in; skip where this host allows none."""
    for _ in range(20):
        done = subprocess.run(
            ["ssh", *server.options, "-o", "BatchMode=yes", "there", "true"],
            capture_output=True,
            check=False,
            timeout=DEADLINE_SECONDS,
        )
        if done.returncode == 0:
            return server
        time.sleep(0.2)
    said = log.read_text()[-500:] if log.exists() else ""
    pytest.skip(f"no ssh server lets us in here: {done.stderr.decode()}{said}")


class There:
    """Starts workers on other hosts, by one log; knows what they told, and what is left."""

    def __init__(self, folder: Path, server: Server | None) -> None:
        self.folder = folder
        self.log = folder / "run.log"
        self.workload = folder / "alpha.py"
        self.workload.write_text(_WORKLOAD)
        self.mark = f"mark-{folder}"
        self.started: list[Worker] = []
        self._server = server

    def start(self, **config: object) -> Worker:
        """Start a worker of this interpreter, through ssh where there is a server."""
        over: dict[str, object] = {"command": (sys.executable,)}
        if self._server is not None:
            over |= {"ssh": ("there",), "ssh_options": self._server.options}
        chosen = DeviceConfig(**{**over, **config})  # type: ignore[arg-type]  # by name
        env = {**chosen.environment(), RUN_VARIABLE: self.mark, "ACCELBENCH_MARK": self.mark}
        worker = Worker(chosen.interpreter(), env, self.log, [])
        self.started.append(worker)
        return worker

    def job(self, data: DataFiles | None = None, **params: Scalar) -> str:
        spec = RunSpec("alpha", "cpu", "numpy", "inline", 1, 1, params=tuple(params.items()))
        return codec.dumps(Job(spec, str(self.workload), "own", data))

    def follow(self, worker: Worker, job: str) -> str:
        """Attach, hear the job to its end, and return the kind of its last message."""
        channel = worker.attach(job)
        kind = ""
        while kind not in {"result", "failure"}:
            kind, *content = channel.receive(timeout=DEADLINE_SECONDS)
        worker.finish(DEADLINE_SECONDS)
        worker.end()
        return str(kind if kind == "result" else content[0])

    def told(self, what: str) -> list[str]:
        """Return what the worker told under a name, a text a line."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line.split(maxsplit=2)[2] for line in lines if line.startswith(f"tells {what} ")]

    def running(self) -> list[psutil.Process]:
        """Return what of it runs, here and there: all that has its mark in the environment."""
        return self._that(lambda process: process.environ().values())

    def watching(self) -> list[psutil.Process]:
        """Return the shells there that wait for its end, without its mark in the environment."""
        return self._that(lambda process: process.cmdline()[3:] if "sh" in process.name() else ())

    def _that(self, words: Callable[[psutil.Process], Iterable[str]]) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                ours = any(word.startswith(self.mark) for word in words(process))
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found


@pytest.fixture
def there(
    server: Server, tmp_path: Path, eventually: Callable[[Callable[[], bool], str], None]
) -> Iterator[There]:
    """Workers on the host that the server reaches; nothing of them may be left."""
    made = There(tmp_path, server)
    yield made
    yield_nothing(made, eventually)


@pytest.fixture
def launched(
    tmp_path: Path, eventually: Callable[[Callable[[], bool], str], None]
) -> Iterator[There]:
    """Workers behind a launcher; nothing of them may be left."""
    made = There(tmp_path, None)
    yield made
    yield_nothing(made, eventually)


def yield_nothing(made: There, eventually: Callable[[Callable[[], bool], str], None]) -> None:
    """End what a test has not ended; all of it is gone within seconds."""
    for worker in made.started:
        if worker.alive:
            worker.end(0.0)
    try:
        eventually(lambda: made.running() == [], "the end of all processes")
    finally:
        for process in made.running():
            process.kill()
