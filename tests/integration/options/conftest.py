"""What these tests share: small projects, tested by a pytest process of their own.

A project has a copy of bench/test_training.py and workloads without a framework, whose runs take a
fraction of a second. A test that takes `project` runs twice: plain and with -n 2.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[3]
DEADLINE_SECONDS = 240.0

PYPROJECT = """
[tool.pytest.ini_options]
# Hypothesis takes half a second to import, in every process.
addopts = "-ra --strict-markers --strict-config -p no:hypothesispytest"
filterwarnings = ["error"]
"""

# What the controller was told, written by a hook that knows nothing of the plugin's inside.
WITNESS = """
import json
import pathlib

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Witness())

class Witness:
    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":
            with pathlib.Path("outcomes.jsonl").open("a") as file:
                for name, value in report.user_properties:
                    if name == "accelbench":
                        file.write(json.dumps({"test": report.nodeid, **value}) + "\\n")
"""

# Every seed gives the same numbers: a screen at 10 % suspects one of ten draws of any noise, and
# where a suspect falls among its fresh runs would be left to chance. NOISE_DROP makes them worse.
NOISE = '''
"""noise: nothing is learned, and every seed ends alike."""
import os

from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"batch_size": 10, "level": 900}
TIERS = {
    "smoke": [
        {
            "dataset": "inline",
            "epochs": 2,
            "gates": ["accuracy", "loss"],
            "smallest_effects": {"accuracy": 0.05},
        }
    ],
    "nightly": [{"dataset": "inline", "epochs": 3, "params": {"level": 950}, "gates": ["loss"]}],
}


def start(params, seed, arrays):
    drop = int(os.environ.get("NOISE_DROP", "0"))
    correct = params.count("level") - drop
    return Stepper(
        step=lambda number: 1.0 / (number + 1),
        evaluate=lambda: Evaluation(0.25 + drop / 1000, samples=1000, accuracy=correct / 1000),
        batch_size=params.count("batch_size"),
        steps_per_epoch=20,
    )
'''

# For workloads that differ in one place from one that works: {before} runs when the file is
# imported, {step} is a training step.
STEPS = """
import os
import pathlib
import signal
import subprocess
import time

from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = {framework!r}
TRAINED_BY = "own"
PARAMETERS = {{"batch_size": 10, "number": 0, "rate": 0.5, "name": "a", "flag": False}}
TIERS = {{"smoke": {cells}}}
{before}

def start(params, seed, arrays):
    def step(number):
        {step}
        return 1.0

    return Stepper(step, lambda: Evaluation(0.5, samples=100, accuracy=0.9), 10, 4)
"""

CELL = {"dataset": "inline", "epochs": 1, "gates": ["accuracy"]}


def installed(*modules: str) -> bool:
    """Tell whether modules are there, without importing them into the test's process."""
    return all(importlib.util.find_spec(name) is not None for name in modules)


@dataclass(frozen=True)
class Project:
    """A folder with a test suite of its own, and the way it is run."""

    pytester: pytest.Pytester
    args: tuple[str, ...]
    recorded: Path

    @property
    def history(self) -> Path:
        return self.path / ".accelbench"

    @property
    def path(self) -> Path:
        return self.pytester.path

    @property
    def workloads(self) -> Path:
        return self.path / "bench" / "workloads"

    @property
    def baselines(self) -> Path:
        return self.path / "baselines"

    def noise(self, name: str = "noise", *, recorded: bool = False) -> None:
        """Add the workload whose evaluation is drawn from the seed, `recorded` with baselines."""
        (self.workloads / f"{name}.py").write_text(NOISE)
        if recorded:
            shutil.copytree(self.recorded, self.baselines)

    def declare(self, keys: str, name: str = "noise") -> None:
        """Add keys to the smoke cell of a workload: `declare('"floors": {"loss": 0.3}')`."""
        path = self.workloads / f"{name}.py"
        source = path.read_text()
        assert source.count('"smallest_effects"') == 1
        path.write_text(source.replace('"smallest_effects"', f'{keys}, "smallest_effects"'))

    def scatter(self) -> None:
        """Let the losses of the recorded runs lie evenly from 0.250 to 0.259."""
        lines = self.lines()
        for number, line in enumerate(lines):
            line["run"]["evaluation"]["loss"] = 0.25 + number / 1000
        path = self.baselines / "noise" / "portable.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def steps(
        self,
        name: str,
        step: str = "pass",
        *,
        before: str = "",
        cells: Sequence[Mapping[str, object]] = (CELL,),
        framework: str = "numpy",
    ) -> None:
        """Add a workload by the body of its training step."""
        text = STEPS.format(step=step, before=before, cells=[*cells], framework=framework)
        (self.workloads / f"{name}.py").write_text(text)

    def real(self, *names: str) -> None:
        """Add workloads of this checkout; skip where their framework is missing."""
        if not installed("torch"):
            pytest.skip("torch is not installed: python -m pip install 'pytest-accelbench[torch]'")
        for name in names:
            shutil.copy(CHECKOUT / "bench" / "workloads" / f"{name}.py", self.workloads)

    def tests(self, source: str, name: str = "test_own.py") -> None:
        """Add a test file of one's own."""
        (self.path / "bench" / name).write_text(source)

    def append(self, name: str, text: str) -> None:
        """Add lines to one of the project's files."""
        path = self.path / name
        path.write_text(path.read_text() + text)

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "pytest", "bench", *self.args, *args]

    def run(self, *args: str, deadline_seconds: float = DEADLINE_SECONDS) -> pytest.RunResult:
        """Run the project's tests in a process of their own."""
        return self.pytester.runpytest_subprocess(
            "bench", *self.args, *args, timeout=deadline_seconds
        )

    def deselected(self, count: int) -> int:
        """Return how many tests the summary counts as deselected: under xdist it says none."""
        return 0 if self.args else count

    def outcomes(self) -> list[dict[str, Any]]:
        """Return what the controller was told of each training, over all sessions so far."""
        path = self.path / "outcomes.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def accelbench(self, *args: str) -> pytest.RunResult:
        """Run a command of the command line in the project."""
        code = "from accelbench.cli import main; main()"
        return self.pytester.run(sys.executable, "-c", code, *args, timeout=DEADLINE_SECONDS)

    def verdict(self, metric: str) -> dict[str, Any]:
        """Return the last training's verdict on a metric."""
        (found,) = [v for v in self.outcomes()[-1]["verdicts"] if v["metric"] == metric]
        return dict(found)

    def statuses(self) -> dict[str, str]:
        """Return the status of each gated metric of the last training."""
        verdicts = self.outcomes()[-1]["verdicts"]
        return {each["metric"]: each["status"] for each in verdicts if each["gated"]}

    def lines(self, workload: str = "noise", platform: str = "portable") -> list[dict[str, Any]]:
        """Return the lines of a baseline file."""
        path = self.baselines / workload / f"{platform}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def files(self) -> dict[str, bytes]:
        """Return all that lies in the folder of baselines, with its content."""
        found = (path for path in self.baselines.rglob("*") if path.is_file())
        return {str(path.relative_to(self.baselines)): path.read_bytes() for path in found}


def make(folder: Path) -> None:
    """Make a project without workloads."""
    (folder / "bench" / "workloads").mkdir(parents=True)
    shutil.copy(CHECKOUT / "bench" / "test_training.py", folder / "bench")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "conftest.py").write_text(WITNESS)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of baselines with ten reference runs of noise, recorded by a real session."""
    folder = tmp_path_factory.mktemp("recorded")
    make(folder)
    (folder / "bench" / "workloads" / "noise.py").write_text(NOISE)
    subprocess.run(
        [sys.executable, "-m", "pytest", "bench", "-m", "cpu", "--update-baselines", "--seeds=10"],
        cwd=folder,
        env={**os.environ, "ACCELBENCH_LOCKS": str(folder / "locks")},
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=DEADLINE_SECONDS,
    )
    return folder / "baselines"


@pytest.fixture
def plain_project(
    pytester: pytest.Pytester, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project without workloads, run plain; its sessions wait for nobody else on this host."""
    make(pytester.path)
    monkeypatch.setenv("ACCELBENCH_LOCKS", str(pytester.path / "locks"))
    monkeypatch.delenv("ACCELBENCH_DATA", raising=False)
    for name in [each for each in os.environ if each.startswith("PYTEST_XDIST_")]:
        monkeypatch.delenv(name)
    return Project(pytester, (), recorded)


@pytest.fixture(
    params=[
        pytest.param((), id="plain"),
        pytest.param(
            ("-n", "2"),
            id="xdist",
            marks=pytest.mark.skipif(not installed("xdist"), reason="pytest-xdist is missing"),
        ),
    ]
)
def plugin_args(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The options that a project is run with: none, or -n 2."""
    args: tuple[str, ...] = request.param
    return args


@pytest.fixture
def project(plain_project: Project, plugin_args: tuple[str, ...]) -> Project:
    """A project without workloads, run plain and with -n 2."""
    return replace(plain_project, args=plugin_args)
