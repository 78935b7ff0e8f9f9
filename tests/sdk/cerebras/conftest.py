"""Runs through the real Cerebras SDK, in the interpreter that ACCELBENCH_CEREBRAS_PYTHON names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
INSIDE = Path(__file__).parent / "inside"
SDK = os.environ.get("ACCELBENCH_CEREBRAS_PYTHON", "")
DEADLINE_SECONDS = 300.0


@dataclass(frozen=True)
class Trained:
    """What one `accelbench run` left: its run, words, temporary folder and artifacts."""

    run: dict[str, Any]
    said: str
    scratch: Path
    artifacts: Path

    @property
    def losses(self) -> list[float]:
        """The loss of every step."""
        losses: list[float] = self.run["steps"]["loss"]
        return losses


@dataclass(frozen=True)
class Suite:
    """A checkout whose devices have the SDK's interpreter, and a temporary folder of its own."""

    folder: Path

    def train(self, workload: str, device: str, *arguments: str) -> Trained:
        """Run one training in a worker of its own, by the command line."""
        number = len(list(self.folder.glob("*.json")))
        file = self.folder / f"{number}.json"
        artifacts = self.folder / f"artifacts-{number}"
        kept = ["--option", f"artifact_dir={artifacts}"] if "kept" in arguments else []
        command = [sys.executable, "-m", "accelbench.cli", "run", workload, "--device", device]
        command += ["--seed", "3", "--dataset", "digits", "--json", str(file), *kept]
        done = subprocess.run(
            [*command, *(each for each in arguments if each != "kept")],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        said = done.stdout + done.stderr
        run = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return Trained(run, said, self.scratch, artifacts)

    @property
    def scratch(self) -> Path:
        """Where the session and its workers have their temporary files."""
        return self.folder / "tmp"

    def environment(self) -> dict[str, str]:
        """Return the environment of a session that shares nothing with another."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "ACCELBENCH_"))},
            "ACCELBENCH_LOCKS": str(self.folder / "locks"),
            "TMPDIR": str(self.scratch),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "COLUMNS": "200",
        }

    def workload(self, name: str, text: str) -> Path:
        """Write a workload file beside those of this repository."""
        path = self.folder / "bench" / "workloads" / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture(scope="session")
def sdk() -> str:
    """The interpreter that holds the SDK."""
    if not SDK or not Path(SDK).exists():
        pytest.skip(
            "ACCELBENCH_CEREBRAS_PYTHON is not set: it names a Python with cerebras_pytorch; "
            "see `tox run -e cerebras`"
        )
    return SDK


@pytest.fixture(scope="module")
def suite(sdk: str, tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """A checkout of this repository's workloads, on the SDK's devices."""
    folder = tmp_path_factory.mktemp("cerebras")
    (folder / "tmp").mkdir()
    (folder / "bench" / "workloads").mkdir(parents=True)
    for file in (ROOT / "bench" / "workloads").glob("*.py"):
        (folder / "bench" / "workloads" / file.name).symlink_to(file)
    # One thread: these models are small, and threads that share busy cores wait for each other.
    one = f'command = ["{sdk}"]\nenv = {{ TORCH_NUM_THREADS = "1" }}\n'
    (folder / "pyproject.toml").write_text(
        f"[tool.accelbench.device.cerebras-cpu]\n{one}"
        f"[tool.accelbench.device.cerebras-check]\n{one}"
        '[tool.accelbench.device.cpu]\nenv = { OMP_WAIT_POLICY = "passive" }\n',
        encoding="utf-8",
    )
    return Suite(folder)


@pytest.fixture(scope="session")
def inside(sdk: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run one of the scripts beside this file in the SDK's interpreter; return what it prints."""

    def run(name: str, *arguments: str, plugin: bool = True) -> Any:  # noqa: ANN401  # JSON
        folder = tmp_path_factory.mktemp(name)
        done = subprocess.run(
            [sdk, str(INSIDE / f"{name}.py"), *arguments],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "plugin") if plugin else "",
                "PYTHONDONTWRITEBYTECODE": "1",
                "TMPDIR": str(folder),
                "TORCH_NUM_THREADS": "1",
            },
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run
