"""A session finds an accelerator that was registered with torch, holds it, and trains on it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGISTERED = ROOT / "tests" / "unit" / "workers" / "accelerator_from_python"

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)


@needs_torch
def test_a_training_on_a_registered_accelerator_is_the_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELBENCH_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    (tmp_path / "pyproject.toml").write_text(
        f"[tool.accelbench.device.npu-1.env]\nPYTHONPATH = {json.dumps(str(REGISTERED))}\n",
        encoding="utf-8",
    )
    runs = {}
    for device in ("npu-1", "cpu"):
        command = [sys.executable, "-m", "accelbench.cli", "run", "mnist_softmax", "--seed", "1"]
        command += ["--device", device, "--dataset", "digits", "--epochs", "1", "--json", "-"]
        command += ["--data-root", str(tmp_path / "data")]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        if "registers no accelerator from Python" in done.stderr + done.stdout:
            pytest.skip("this torch registers no accelerator from Python")
        assert done.returncode == 0, done.stderr
        runs[device] = json.loads(done.stdout)
    there, here = runs["npu-1"], runs["cpu"]
    assert there["state"] == here["state"] == "completed"
    assert there["steps"]["loss"] == pytest.approx(here["steps"]["loss"], rel=1e-3)
    assert there["evaluation"]["accuracy"] == pytest.approx(
        here["evaluation"]["accuracy"], abs=0.01
    )
    assert there["provenance"]["device_model"] == "CPU as npu"
    assert there["provenance"]["treatment"]["device_name"] == "CPU as npu"
    # What the platform's allocator says, not what the process holds.
    assert there["counters"]["peak_memory_bytes"] < here["counters"]["peak_memory_bytes"]
