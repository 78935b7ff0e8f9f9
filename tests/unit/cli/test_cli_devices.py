"""accelbench devices: what is there, and how each would be started."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from accelbench.cli import main
from accelbench.cli.devices import explain_found
from accelbench.devices import Found, default_ids
from accelbench.interpreter import DeviceConfig
from accelbench.ways import way
from accelbench.workers import cerebras_jobs
from accelbench.workers.watchdog import RUN_VARIABLE


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


def test_the_options_of_an_sdk_are_explained_whether_or_not_it_is_there(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(
        "[tool.accelbench.device.ipu-4.options]\ndevice_iterations = 7\n"
    )
    lines = accelbench("devices", "--explain", "ipu-4").output.splitlines()
    assert "trained by   poptorch, what is declared for torch" in lines
    shown = [line.partition(" ")[2].strip() for line in lines if line.startswith("option ")]
    assert [line.partition(" = ")[0] for line in shown] == sorted(dict(way("poptorch").defaults))
    assert [line for line in shown if not line.endswith("  (default)")] == ["device_iterations = 7"]
    # One process makes all replicas.
    assert len([line for line in lines if line.startswith("command ")]) == 1
    assert lines[-1].startswith("missing      ")
    text = accelbench("devices", "--explain", "cpu").output
    assert "option " not in text
    assert "trained by" not in text


def test_what_is_found_is_explained_with_what_it_cannot_measure_and_what_ends_its_jobs(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = (("sdk_version", "2.10"),)
    explain_found(
        Found("x", "Model", ("x",), facts, measures=False, cancel=("csctl", "label=a b", "{run}"))
    )
    assert capsys.readouterr().out.splitlines() == [
        "found        Model",
        f"units        x (lock files in {home / 'locks'})",
        "measures     nothing: it checks that a training compiles",
        "cancelled by csctl 'label=a b' '{run}'",
        "sdk_version  2.10",
    ]


@pytest.mark.parametrize("there", [(), ("wafers",)], ids=["here", "by ssh"])
def test_a_program_that_cancels_is_named_and_not_printed(
    there: tuple[str, ...],
    home: Path,  # its settings
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = Path(str(cerebras_jobs.__file__)).read_text(encoding="utf-8")
    config = DeviceConfig(("python",), setup="source it\n. that", ssh=there)
    line = config.interpreter().line(("-c", source, "{run}", "a:1"), {RUN_VARIABLE: "{run}"})
    assert source in line or there
    explain_found(Found("x", "Model", ("x",), cancel=line))
    said = capsys.readouterr().out.partition("cancelled by ")[2]
    assert "python -c '<accelbench cancel>' '{run}' a:1" in said.replace("'\"'\"'", "'")
    assert "source it\n. that" in said
    assert "import importlib" not in said


@pytest.mark.parametrize("device", ["ipu", "ipu-model", "cerebras-cpu"])
@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            'command = ["/nonexistent/python"]',
            "its interpreter /nonexistent/python does not start: No such file or directory",
        ),
        (
            'setup = "echo { loading }; echo -n no newline"\n'
            'command = ["sh", "-c", "echo licence expired >&2; exit 3"]',
            "its interpreter ended with status 3: licence expired",
        ),
    ],
    ids=["missing", "ends"],
)
def test_an_sdks_interpreter_that_cannot_be_asked_is_named(
    checkout: Path, device: str, table: str, words: str
) -> None:
    (checkout / "pyproject.toml").write_text(f"[tool.accelbench.device.{device}]\n{table}\n")
    lines = accelbench("devices", "--explain", device).output.splitlines()
    assert lines[-1] == f"missing      {words}"


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
