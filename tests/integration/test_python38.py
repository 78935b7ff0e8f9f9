"""A session on a current Python drives a worker on Python 3.8 with torch 2.0.1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD = os.environ.get("ACCELBENCH_PYTHON38", "")

pytestmark = pytest.mark.skipif(
    not OLD or not Path(OLD).exists(),
    reason="no Python 3.8 with torch 2.0.1: see `tox run -e worker38`",
)


@pytest.mark.parametrize("workload", ["linear_regression", "mnist_softmax", "mnist_cnn"])
def test_the_old_interpreter_trains_the_same_workload(
    workload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELBENCH_LOCKS", str(tmp_path / "locks"))
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    (tmp_path / "pyproject.toml").write_text(
        f"[tool.accelbench.device.cpu]\ncommand = [{json.dumps(OLD)}]\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "accelbench.cli", "run", workload, "--epochs", "1"]
    command += ["--seed", "1", "--json", "-", "--data-root", str(tmp_path / "data")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    treatment = run["provenance"]["treatment"]
    assert run["state"] == "completed"
    assert treatment["python"].startswith("3.8.")
    assert treatment["framework_version"].startswith("2.0.1")
    if workload == "linear_regression":
        assert f"{run['evaluation']['loss']:.3g}" == "5.7e-11"
