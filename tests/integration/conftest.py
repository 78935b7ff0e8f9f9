"""A checkout of its own for a test: workload files, tests, real sessions and commands in it."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

DEADLINE_SECONDS = 120.0

_PYPROJECT = """
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider --devices cpu"
accelbench_workloads = "workloads"
{more}
"""

_WORKLOAD = '''
"""A training without a framework, for tests."""

from __future__ import annotations

import ctypes, os, signal, subprocess, sys, time
from pathlib import Path

from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

{declarations}
{top}

HERE = Path(__file__).parent


def step(number):
    if number == 5:
        {step}
    return 1 / (number + 1)


def start(params, seed, data):
    return Stepper(step, lambda: Evaluation({evaluation}), 4, params.count("steps"))
'''

_DECLARATIONS = {
    "FRAMEWORK": '"numpy"',
    "TRAINED_BY": '"own"',
    "PARAMETERS": '{"learning_rate": 0.1, "batch_size": 4, "steps": 200, "kind": "plain"}',
    "CHOICES": '{"kind": ["plain", "fancy"]}',
    "TIERS": '{"smoke": [{"dataset": "inline", "epochs": 1, "gates": ["loss"]}]}',
}

TRAINS_EVERY_CELL = """
def test_cell(cell, train):
    train(cell).check()
"""


@dataclass(frozen=True)
class Done:
    """How a process ended, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that the user sees."""
        return self.out + self.err


class Checkout:
    """A folder with workloads and tests; whatever runs in it can be told by its lock folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.locks = root / "locks"
        self.baselines = root / "baselines"
        self.started = root / "workloads" / "started"
        (root / "workloads").mkdir(parents=True)
        self.configure()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "ACCELBENCH_"))}
        self.env = {
            **kept,
            "ACCELBENCH_LOCKS": str(self.locks),
            "ACCELBENCH_DATA": str(root / "data"),
            "XDG_CACHE_HOME": str(root / "cache"),
            "COLUMNS": "200",
        }

    def configure(self, more: str = "") -> None:
        """Write pyproject.toml: pytest's settings, then `more`."""
        (self.root / "pyproject.toml").write_text(_PYPROJECT.format(more=more), encoding="utf-8")

    def workload(
        self,
        name: str,
        step: str = "pass",
        top: str = "",
        evaluation: str = "loss=0.5 + seed % 100 * 1e-9, samples=10",
        literals: Mapping[str, str | None] | None = None,
    ) -> Path:
        """Write a workload file: what its sixth step does, what it does when it is imported.

        `literals` replace its declarations; None leaves one out.
        """
        chosen: dict[str, str | None] = {**_DECLARATIONS, **(literals or {})}
        text = _WORKLOAD.format(
            declarations="\n".join(f"{k} = {v}" for k, v in chosen.items() if v is not None),
            step=step.replace("\n", "\n        "),
            top=top,
            evaluation=evaluation,
        )
        path = self.root / "workloads" / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return path

    def tests(self, text: str = TRAINS_EVERY_CELL) -> None:
        """Write the one test file."""
        (self.root / "test_trainings.py").write_text(text, encoding="utf-8")

    def start(self, command: Sequence[str], **env: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as a terminal does it."""
        return subprocess.Popen(
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

    def finish(self, process: subprocess.Popen[str]) -> Done:
        """Wait for a command; one that does not end is killed, and fails the test."""
        try:
            out, err = process.communicate(timeout=DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"{process.args!r} did not end:\n{out}\n{err}")
        return Done(process.returncode, out, err)

    def session(self, *arguments: str) -> list[str]:
        """Return the command of a pytest session."""
        return [sys.executable, "-m", "pytest", *arguments]

    def pytest(self, *arguments: str, before: Sequence[str] = ()) -> Done:
        """Run a pytest session to its end; `before` is put in front of the command."""
        return self.finish(self.start([*before, *self.session(*arguments)]))

    def accelbench(self, *arguments: str) -> Done:
        """Run an accelbench command to its end."""
        return self.finish(self.start(self.command(*arguments)))

    def command(self, *arguments: str) -> list[str]:
        """Return an accelbench command line, of the interpreter that runs the tests."""
        return [sys.executable, "-c", "from accelbench.cli import main; main()", *arguments]

    def reports(self, *arguments: str) -> tuple[Done, dict[str, str]]:
        """Run a session; return also what each test that failed says, by name, "" for a pass."""
        done = self.pytest(*arguments, "--junitxml=junit.xml")
        tree = ET.parse(self.root / "junit.xml")
        said = {}
        for case in tree.iter("testcase"):
            parts = [part for kind in ("failure", "error") for part in case.findall(kind)]
            said[case.attrib["name"]] = "\n".join(part.text or "" for part in parts)
        return done, said

    def leftovers(self) -> list[psutil.Process]:
        """Return the processes that run on in this checkout, whoever their parent is."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("ACCELBENCH_LOCKS") == str(self.locks)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def unit_is_free(self) -> bool:
        """Tell whether nobody holds the CPU unit."""
        with (self.locks / "accelbench-cpu.lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Return once a condition holds; the deadline is generous, for hosts that are busy."""
    end = time.monotonic() + DEADLINE_SECONDS / 2
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited in vain for {what}")
        time.sleep(0.05)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout of its own; nothing may be left running in it."""
    made = Checkout(tmp_path)
    yield made
    left = made.leftovers()
    for process in left:
        process.kill()
    assert left == []


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool], str], None]:
    """Wait for a condition."""
    return wait_for


@pytest.fixture(scope="session")
def made_checkout(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Checkout]:
    """Make checkouts that several tests share."""
    return lambda name: Checkout(tmp_path_factory.mktemp(name))


_NO_XDIST = pytest.mark.skipif(
    importlib.util.find_spec("xdist") is None, reason="needs pytest-xdist"
)


@pytest.fixture(
    scope="module",
    params=[pytest.param((), id="plain"), pytest.param(("-n", "2"), id="n2", marks=_NO_XDIST)],
)
def parallel(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The arguments of a plain session, then of one with two xdist workers."""
    chosen: tuple[str, ...] = request.param
    return chosen
