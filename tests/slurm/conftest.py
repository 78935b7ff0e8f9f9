"""A real Slurm of one node, and checkouts whose sessions run under it.

With ACCELBENCH_SLURM=1 only (tox environment `slurm`): what is missing of Slurm is installed then.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.slurm.cluster import Cluster, NoClusterError, install, running

DEADLINE_SECONDS = 120.0

GONE_SECONDS = 60.0
"""Within which nothing of a session that was killed may be left."""

_PYPROJECT = """
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider -p no:hypothesispytest --devices cpu"
accelbench_workloads = "workloads"
"""

_WORKLOAD = '''
"""A training without a framework, as long as it is told."""

import json
import os
import sys
import time
from pathlib import Path

from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = DEFAULTS
TIERS = {"smoke": [{"dataset": "inline", "epochs": 1, "gates": ["loss"]}]}


def tell(name, text):
    path = Path(HERE) / name
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def start(params, seed, data):
    def step(number):
        if number == 0:
            tell("environment", json.dumps({**os.environ, "PYTHON": sys.executable}))
            tell("started", os.environ.get("SLURM_STEP_ID", "none"))
        if number == 1:
            STEP
        time.sleep(params.number("seconds") / 10)
        return 1 / (number + 1)

    return Stepper(step, lambda: Evaluation(loss=0.5 + seed % 100 * 1e-9, samples=10), 4, 10)
'''

_TESTS = """
def test_cell(cell, train):
    train(cell).check()
"""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One node of Slurm with four processors."""
    if os.environ.get("ACCELBENCH_SLURM") != "1":
        pytest.skip("a cluster is started with ACCELBENCH_SLURM=1 only: tox run -e slurm")
    try:
        install()
        with running() as made:
            yield made
    except NoClusterError as error:
        pytest.skip(str(error))


@dataclass(frozen=True)
class Done:
    """How a process ended, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def run(self) -> dict[str, Any]:
        """The run that `accelbench run --json -` printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class Checkout:
    """A folder with a workload and a test; its sessions speak to the cluster."""

    def __init__(self, root: Path, cluster: Cluster) -> None:
        self.root, self.cluster = root, cluster
        self.started = root / "started"
        self.running: list[subprocess.Popen[str]] = []
        (root / "workloads").mkdir(parents=True)
        self.workload()
        (root / "test_trainings.py").write_text(_TESTS)
        self.configure()
        dropped = ("PYTEST_", "ACCELBENCH_", "SLURM_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        self.env = {
            **kept,
            **cluster.env,
            "ACCELBENCH_MARK": str(root),
            "ACCELBENCH_LOCKS": str(root / "locks"),
            "XDG_CACHE_HOME": str(root / "cache"),
            "COLUMNS": "200",
        }

    def configure(self, *launcher: str, more: str = "") -> None:
        """Put a launcher in front of the interpreter, none at first; `more` follows."""
        command = json.dumps([*launcher, sys.executable])
        table = f"[tool.accelbench.device.cpu]\ncommand = {command}\n{more}"
        table += f"\n[tool.accelbench.device.cpu-2]\ncommand = {command}\n"
        (self.root / "pyproject.toml").write_text(_PYPROJECT + table)

    def workload(
        self, step: str = "pass", defaults: str = '{"batch_size": 4, "seconds": 0.0}'
    ) -> None:
        """Write the workload: what its third step does, and its parameters."""
        text = _WORKLOAD.replace("STEP\n", f"{step}\n").replace("DEFAULTS", defaults)
        text = text.replace("HERE", repr(str(self.root)))
        (self.root / "workloads" / "alpha.py").write_text(text)

    def command(self, *arguments: str) -> list[str]:
        """Return an accelbench command line."""
        return [sys.executable, "-c", "from accelbench.cli import main; main()", *arguments]

    def training(self, *arguments: str) -> list[str]:
        """Return the command that trains once and prints the run."""
        return self.command("run", "alpha", "--json", "-", *arguments)

    def session(self, *arguments: str) -> list[str]:
        """Return the command of a pytest session."""
        return [sys.executable, "-m", "pytest", *arguments]

    def start(self, command: Sequence[str], **env: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as a terminal does it."""
        process = subprocess.Popen(
            command,
            cwd=self.root,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def finish(self, process: subprocess.Popen[str]) -> Done:
        """Wait for a command; one that does not end is killed, and fails the test."""
        try:
            out, err = process.communicate(timeout=DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"{process.args!r} did not end:\n{out}\n{err}")
        return Done(process.returncode, out, err)

    def do(self, command: Sequence[str], **env: str) -> Done:
        """Run a command to its end."""
        return self.finish(self.start(command, **env))

    def inside(self, command: Sequence[str], *options: str) -> str:
        """Run a command in a batch job; return what it printed, its status in the last line."""
        script, out = self.root / "job.sh", self.root / "job.out"
        script.write_text(f"#!/bin/sh\n{shlex.join(command)}\necho status $?\n")
        done = self.do(["sbatch", f"--output={out}", *options, str(script)])
        assert done.status == 0, done.err
        self.wait(lambda: self.states() == [], "the end of the job")  # --wait asks slowly
        return out.read_text()

    def fill(self, seconds: float) -> None:
        """Have another job fill the node for so long."""
        text = f"exec sleep {seconds}"
        self.cluster.ask(
            "sbatch", "--exclusive", "--output=/dev/null", "--job-name=other", f"--wrap={text}"
        )
        self.wait(lambda: self.states("other") == ["RUNNING"], "the node to be filled")

    def states(self, name: str = "") -> list[str]:
        """Return the states of all jobs that have not ended, or of those of a name."""
        named = [f"--name={name}"] if name else []
        return self.cluster.ask("squeue", "--noheader", *named, "--format=%T").split()

    def steps(self) -> list[str]:
        """Return the steps that run, batch scripts apart."""
        found = self.cluster.ask("squeue", "--noheader", "--steps", "--format=%i").split()
        return [step for step in found if step.rpartition(".")[2].isdecimal()]

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = GONE_SECONDS) -> None:
        """Return once a condition holds."""
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                pytest.fail(f"waited in vain for {what}:\n{self.cluster.ask('squeue')}")
            time.sleep(0.05)

    def leftovers(self) -> list[psutil.Process]:
        """Return what still runs of this checkout's sessions, behind Slurm too."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("ACCELBENCH_MARK") == str(self.root)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found


@pytest.fixture
def checkout(cluster: Cluster, tmp_path: Path) -> Iterator[Checkout]:
    """A checkout of its own; nothing of its sessions may be left, neither job nor process."""
    made = Checkout(tmp_path, cluster)
    yield made
    for each in made.running:
        if each.returncode is None:  # its test has failed
            os.killpg(each.pid, signal.SIGKILL)
            each.communicate()
    cluster.clear()
    # Slurm does not wait for the processes of a node that it holds for lost.
    try:
        made.wait(lambda: made.leftovers() == [], "the end of all processes")
    finally:
        for process in made.leftovers():
            process.kill()
