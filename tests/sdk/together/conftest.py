"""A checkout that follows docs/accelerators.md, with the interpreters that this machine has.

The page's own tables configure it: nothing of them is repeated here. What the page installs under
/opt is where the environment variables say; poptorch is the stand-in, under the Python and torch
that the real one would need.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[3]
STANDIN = CHECKOUT / "tests" / "standin"
DEADLINE_SECONDS = 300.0

SETTINGS = """
[tool.pytest.ini_options]
addopts = "-ra --strict-markers --strict-config -p no:hypothesispytest"
filterwarnings = ["error"]
"""

# One short training a device: what is looked at is where it ran.
TEST = """
def test_softmax(train):
    train("mnist_softmax", dataset="digits", epochs=2, gates=["loss"]).check()
"""


@dataclass(frozen=True)
class Page:
    """The page: its blocks of one language, in order."""

    text: str

    def blocks(self, language: str) -> list[str]:
        """Return the content of all blocks of a language."""
        return re.findall(rf"^```{language}\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)

    def commands(self) -> list[str]:
        """Return every command that the page tells its reader to type."""
        return [line for block in self.blocks("bash") for line in block.splitlines() if line]


PAGE = Page((CHECKOUT / "docs" / "accelerators.md").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Suite:
    """A checkout with the page's configuration, and interpreters in place of the page's."""

    path: Path
    places: tuple[tuple[str, str], ...]

    def at_home(self, text: str) -> str:
        """Return a text of the page with this machine's paths in place of the page's."""
        for there, here in self.places:
            text = text.replace(there, here)
        return text

    def run(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run one of the page's commands in the checkout, with arguments that shorten it."""
        program, *arguments = shlex.split(self.at_home(command))
        module = {"accelbench": "accelbench.cli", "pytest": "pytest"}.get(program)
        start = [program] if module is None else [sys.executable, "-m", module]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "ACCELBENCH_"))}
        return subprocess.run(
            [*start, *arguments, *more],
            cwd=self.path,
            env={
                **kept,
                "ACCELBENCH_LOCKS": str(self.path / "locks"),
                "ACCELBENCH_DATA": str(self.path / "data"),
                "CSCONFIG_PATH": str(self.path / "no cluster"),
                "COLUMNS": "200",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_SECONDS,
        )

    def stored(self) -> list[dict[str, Any]]:
        """Return the runs that the checkout's history holds, and forget them."""
        runs = []
        for path in (self.path / ".accelbench").glob("*.jsonl"):
            runs += [json.loads(line)["run"] for line in path.read_text().splitlines()]
            path.unlink()
        return runs


def needed(variable: str) -> Path:
    """Return the interpreter that a variable names; skip where it is unset."""
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is unset: tox run -e cerebras sets it")
    if not Path(value).exists():
        pytest.skip(f"{variable}: {value} does not exist")
    return Path(value)


@pytest.fixture(scope="session")
def python38() -> Path:
    """The interpreter with poptorch's torch."""
    return needed("ACCELBENCH_PYTHON38")


@pytest.fixture(scope="session")
def cerebras_python() -> Path:
    """The interpreter with the Cerebras SDK."""
    return needed("ACCELBENCH_CEREBRAS_PYTHON")


@pytest.fixture(scope="session")
def page() -> Page:
    """The page."""
    return PAGE


@pytest.fixture(scope="session")
def suite(
    tmp_path_factory: pytest.TempPathFactory, python38: Path, cerebras_python: Path, page: Page
) -> Suite:
    """A checkout as the page has it, with one short test."""
    path = tmp_path_factory.mktemp("suite")
    enable = shlex.quote(str(STANDIN / "enable.sh"))
    places = (
        ("/opt/poplar/enable.sh", enable),
        ("/opt/poptorch/bin/python", str(python38)),
        ("/opt/cerebras/bin", str(cerebras_python.parent)),
        ("/tmp/poptorch", str(path / "executables")),  # the page's, not ours
    )
    made = Suite(path, places)
    (path / "pyproject.toml").write_text(
        SETTINGS + "".join(made.at_home(block) for block in page.blocks("toml"))
    )
    workloads = path / "bench" / "workloads"
    workloads.mkdir(parents=True)
    for name in ("mnist_softmax", "graphcore_mnist"):
        shutil.copy(CHECKOUT / "bench" / "workloads" / f"{name}.py", workloads)
    (path / "bench" / "test_own.py").write_text(TEST)
    return made
