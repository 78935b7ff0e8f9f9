"""The documents' examples run as they stand."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def python_blocks(document: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)


def trained(source: str, folder: Path) -> dict[str, Any]:
    """Train a workload given as source through the command line; return its Run."""
    name = source.split('"""')[1].partition(":")[0]
    workloads = folder / "bench" / "workloads"
    workloads.mkdir(parents=True)
    (workloads / f"{name}.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "accelbench.cli", "run", name, "--json", "-", "--seed", "1"]
    command += ["--data-root", str(folder / "data")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run: dict[str, Any] = json.loads(done.stdout)
    return run


def test_the_example_workloads_train_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELBENCH_LOCKS", str(tmp_path / "locks"))
    perceptron, halving = python_blocks(ROOT / "docs" / "workloads.md")
    assert trained(halving, tmp_path / "halving")["evaluation"]["loss"] == 2.0**-10
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: the PyTorch example was not trained")
    assert trained(perceptron, tmp_path / "perceptron")["evaluation"]["accuracy"] > 0.9


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CONTRIBUTING.md",
        *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
    ],
)
def test_every_file_that_a_document_names_is_there(name: str) -> None:
    document = ROOT / name
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]
    assert not missing


def test_the_options_of_the_readme_exist() -> None:
    named = set(re.findall(r"`(--[a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help", "-p", "accelbench.plugin"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert named, "the README names no option"
    assert {option for option in named if option not in done.stdout} <= {"--explain"}
