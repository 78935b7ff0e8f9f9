"""What the plugin costs a session that only collects, and one that does not use it at all."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ratios import Finding, interleave

pytestmark = pytest.mark.perf

Record = Callable[[Finding], None]

WORKLOAD = """\
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"batch_size": 4, "variant": 0}
TIERS = {
    "smoke": [
        {"dataset": "inline", "epochs": 1, "params": {"variant": 1}, "gates": ["loss"]},
        {"dataset": "inline", "epochs": 1, "params": {"variant": 2}, "gates": ["loss"]},
        {"dataset": "inline", "epochs": 1, "params": {"variant": 3}, "gates": ["loss"]},
        {"dataset": "inline", "epochs": 1, "params": {"variant": 4}, "gates": ["loss"]},
        {"dataset": "inline", "epochs": 1, "params": {"variant": 5}, "gates": ["loss"]},
    ],
}
"""
CELLS = "def test_training(cell, train):\n    train(cell).check()\n"
STATIC = "".join(f"def test_training_{n}():\n    pass\n\n\n" for n in range(200))


def seconds_of(arguments: list[str], folder: Path) -> float:
    """Return the wall time of a fresh interpreter; what it says is shown where it fails."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    taken = time.perf_counter() - start
    assert done.returncode == 0, done.stdout + done.stderr
    return taken


def tree(folder: Path, tests: str) -> Path:
    """Write a checkout: settings, five workload files, and one module of tests."""
    workloads = folder / "bench" / "workloads"
    workloads.mkdir(parents=True)
    for n in range(5):
        (workloads / f"workload_{n}.py").write_text(WORKLOAD, encoding="utf-8")
    (folder / "bench" / "test_training.py").write_text(tests, encoding="utf-8")
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
    return folder


def test_collecting_200_cells_costs_at_most_a_seventh_more_than_200_static_tests(
    tmp_path: Path, record: Record
) -> None:
    # Hypothesis' plugin imports all of hypothesis at the end of a session, which takes longer than
    # either collection: with it the ratio would say nothing.
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    collect = ["-m", "pytest", "bench", "--collect-only", *quiet]
    cells, static = tree(tmp_path / "cells", CELLS), tree(tmp_path / "static", STATIC)
    without = [*collect, "-p", "no:accelbench.plugin"]
    for arguments, folder in ((collect, cells), (without, static)):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        assert "200 tests collected" in done.stdout, done.stdout + done.stderr
    pair = interleave(
        lambda: seconds_of(collect, cells),
        lambda: seconds_of(without, static),
        seconds=60,
        least=15,
    )
    name = "collection of 200 cells: with the plugin / 200 static tests without it"
    record(Finding(name, pair.ratio, 1.15, "", pair.rounds))


def test_plugins_import_costs_at_most_15_milliseconds(tmp_path: Path, record: Record) -> None:
    pair = interleave(
        lambda: seconds_of(["-c", "import pytest, accelbench.plugin"], tmp_path),
        lambda: seconds_of(["-c", "import pytest"], tmp_path),
        seconds=60,
        least=30,
        settled=30,
    )
    milliseconds = 1e3 * pair.difference
    record(Finding("import of the plugin beyond pytest's", milliseconds, 15.0, " ms", pair.rounds))
