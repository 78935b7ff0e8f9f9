"""accelbench devices: what is there, and how each would be started."""

from __future__ import annotations

import shlex
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
        'command = ["launcher", "a python"]\nenv = { CACHE = "/scratch" }\n'
    )
    text = accelbench("devices", "--explain", "gpu-2").output
    assert "markers      gpu-2, gpu" in text
    assert "launcher 'a python' -u -c" in text
    assert "module load sdk" in text
    assert "environment  CACHE=/scratch" in text
    assert "missing      " in text


def test_each_hosts_command_is_explained_as_it_is_started(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(
        '[tool.accelbench.device.cpu-4]\nssh = ["user@host1.invalid", "host2.invalid"]\n'
        'ssh_options = ["-p", "2222"]\ncommand = ["sdk python"]\nenv = { N = "{rank}/{world}" }\n'
    )
    lines = accelbench("devices", "--explain", "cpu-4").output.splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("ranks ")] == list(
        "0123"
    )
    hosts = ["user@host1.invalid"] * 2 + ["host2.invalid"] * 2
    assert [line.split()[1] for line in lines if line.startswith("host ")] == hosts
    commands = [line.split(maxsplit=1)[1] for line in lines if line.startswith("command ")]
    for rank, (host, text) in enumerate(zip(hosts, commands, strict=True)):
        *ssh, last, script = shlex.split(text)
        assert (ssh[:4], last) == (["ssh", "-T", "-p", "2222"], host)
        words = shlex.split(script)
        assert words[-4:] == ["sdk python", "-u", "-c", "<accelbench worker>"]
        assert f"N={rank}/4" in words
    assert "environment  N=3/4" in lines
    assert lines[-1].startswith("missing      ")
    assert "host1.invalid" in lines[-1]


def test_the_command_of_a_launcher_is_explained_for_each_rank(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(
        "[tool.accelbench.device.cpu-2]\n"
        'command = ["srun", "--unbuffered", "--relative={node}", "python3"]\n'
    )
    text = accelbench("devices", "--explain", "cpu-2").output
    assert "host         node 0 of srun" in text
    assert "srun --unbuffered --relative=0 python3 -u -c '<accelbench worker>'" in text


def test_a_device_that_only_the_pyproject_names_is_listed_too(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(
        '[tool.accelbench.device.mps]\ncommand = ["/nonexistent/python"]\n'
        '[tool.accelbench.device.cpu]\nenv = { A = "b" }\n'
    )
    lines = accelbench("devices").output.splitlines()
    assert [line.split()[0] for line in lines] == [*default_ids(), "mps"]
    assert lines[-1].split(maxsplit=1)[1] == (
        "absent: its interpreter /nonexistent/python does not start: No such file or directory"
    )


def test_an_unknown_device_is_one_line() -> None:
    result = accelbench("devices", "--explain", "tpu")
    assert result.exit_code == 1
    assert result.output.startswith("Error: unknown device 'tpu'; known: cpu, cpu-2, cpu-4, gpu-1")
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
