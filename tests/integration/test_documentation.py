"""The documents' examples run as they stand."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python_blocks(document: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_workload_trains_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELBENCH_LOCKS", str(tmp_path / "locks"))
    (source,) = python_blocks(ROOT / "docs" / "workloads.md")
    workloads = tmp_path / "bench" / "workloads"
    workloads.mkdir(parents=True)
    (workloads / "halving.py").write_text(source, encoding="utf-8")

    command = [sys.executable, "-m", "accelbench.cli", "run", "halving", "--json", "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["evaluation"]["loss"] == 2.0**-10


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
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
