"""accelbench devices: what is there, and how each would be started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from accelbench.cli import main
from accelbench.devices import default_ids


def accelbench(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_device_is_listed_with_its_model_or_what_is_missing() -> None:
    result = accelbench("devices")
    assert result.exit_code == 0
    lines = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    assert tuple(lines) == default_ids()
    assert lines["cpu"].endswith("cores")
    assert lines["ipu"].startswith("absent: ")


def test_a_device_is_explained_with_command_and_lock_files(home: Path) -> None:
    lines = accelbench("devices", "--explain", "cpu").output.splitlines()
    assert "device       cpu" in lines
    assert "markers      cpu" in lines
    assert f"command      {sys.executable} -u -c '<accelbench worker>'" in lines
    assert f"units        cpu (lock files in {home / 'locks'})" in lines


def test_the_explanation_shows_what_the_pyproject_says(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(
        '[tool.accelbench.device.gpu-2]\nsetup = "module load sdk"\n'
        'command = ["srun", "a python"]\nenv = { CACHE = "/scratch" }\n'
    )
    text = accelbench("devices", "--explain", "gpu-2").output
    assert "markers      gpu-2, gpu" in text
    assert "srun 'a python' -u -c" in text
    assert "module load sdk" in text
    assert "environment  CACHE=/scratch" in text
    assert "missing      " in text


def test_an_unknown_device_is_one_line() -> None:
    result = accelbench("devices", "--explain", "tpu")
    assert result.exit_code == 1
    assert result.output.startswith("Error: unknown device 'tpu'; known: cpu, cpu-2, gpu-1")
    assert result.output.count("\n") == 1


def test_a_configured_interpreter_that_does_not_exist_is_absent(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(
        '[tool.accelbench.device.cpu]\ncommand = ["/nonexistent/python"]\n'
    )
    first = accelbench("devices").output.splitlines()[0]
    assert first.split(maxsplit=1) == [
        "cpu",
        "absent: its interpreter /nonexistent/python does not exist",
    ]
