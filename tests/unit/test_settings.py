"""What a checkout's pyproject.toml says, and one clear line where it does not fit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from accelbench import settings
from accelbench.devices import DeviceConfig
from accelbench.settings import SettingsError, device_configs, from_checkout, session_treatment


def checkout(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_checkout_without_a_pyproject_has_the_usual_folders(tmp_path: Path, home: Path) -> None:
    found = from_checkout(tmp_path)
    assert found.workloads == tmp_path / "bench" / "workloads"
    assert found.baselines == tmp_path / "baselines"
    assert found.data_root == home / "cache" / "accelbench"
    assert found.device_config("cpu") == DeviceConfig()


def test_folders_and_devices_come_from_the_pyproject(tmp_path: Path, home: Path) -> None:
    root = checkout(
        tmp_path,
        """
[tool.pytest.ini_options]
accelbench_workloads = "mine"
accelbench_baselines = "kept"
[tool.accelbench.device.ipu]
setup = "source enable"
command = ["srun", "--unbuffered", "python3.8"]
env = { B = "2", A = "1" }
""",
    )
    found = from_checkout(root)
    assert (found.workloads, found.baselines) == (tmp_path / "mine", tmp_path / "kept")
    config = found.device_config("ipu")
    assert config == DeviceConfig(
        ("srun", "--unbuffered", "python3.8"), "source enable", (("A", "1"), ("B", "2"))
    )
    assert config.argv() == (
        "bash",
        "-c",
        'source enable\nexec "$@"',
        "accelbench",
        "srun",
        "--unbuffered",
        "python3.8",
    )
    assert found.device_config("cpu").argv() == DeviceConfig().command


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[tool.accelbench.device.cpu]\nhost = "a"',
            "unknown key host; known: command, setup, env, ssh, ssh_options",
        ),
        (
            "[tool.accelbench.device.cpu]\nssh = 1",
            "ssh must be 'user@host' or a list of such texts",
        ),
        ("[tool.accelbench.device.cpu]\nssh = []", "such texts, not []"),
        ('[tool.accelbench.device.cpu]\nssh = ["a", 2]', "such texts, not ['a', 2]"),
        (
            '[tool.accelbench.device.cpu]\nssh = "-p 22"',
            "'-p 22' is no host; options stand in ssh_op",
        ),
        ('[tool.accelbench.device.cpu]\nssh = ""', "ssh: '' is no host"),
        (
            '[tool.accelbench.device.cpu]\nssh = "a"\nssh_options = "-p 22"',
            "ssh_options must be a list of texts, not '-p 22'",
        ),
        (
            "[tool.accelbench.device.cpu]\nssh_options = ['-v']",
            "ssh_options without ssh: name the h",
        ),
        (
            '[tool.accelbench.device.gpu-2]\ncommand = ["/usr/bin/srun", "-n1", "python"]',
            'command: srun needs "--unbuffered", else it hangs',
        ),
        (
            '[tool.accelbench.device.gpu-2]\ncommand = ["srun", "python", "a\\u0000b"]',
            "command holds a zero byte",
        ),
        ('[tool.accelbench.device.cpu]\nsetup = "\\u0000"', "setup holds a zero byte"),
        ("[tool.accelbench.device.cpu]\nenv = { 'A-B' = '1' }", "'A-B' cannot be a variable"),
        ('[tool.accelbench.device.cpu]\ncommand = "py"', "command must be a list of texts, not 'p"),
        ("[tool.accelbench.device.cpu]\ncommand = []", "command must be a list of texts, not []"),
        ("[tool.accelbench.device.cpu]\ncommand = [1]", "command must be a list of texts, not [1]"),
        ("[tool.accelbench.device.cpu]\nsetup = [1]", "setup must be a text, not [1]"),
        ("[tool.accelbench.device.cpu]\nenv = { A = 1 }", "env must be a table of texts, not {'A"),
        ('[tool.accelbench.device.cpu]\nenv = ["A=1"]', "env must be a table of texts, not ['A=1"),
        ("[tool.accelbench.device.cpu-0]", "unknown device 'cpu-0'; known: cpu"),
        ("[tool.accelbench.device.tpu]", "unknown device 'tpu'; known: cpu"),
        (
            '[tool.accelbench.device]\ncpu = "python"',
            "is configured as [tool.accelbench.device.ID]",
        ),
        ("[tool.accelbench]\ndevice = 3", "is configured as [tool.accelbench.device.ID]"),
        ("[tool]\naccelbench = 3", "[tool.accelbench] must be a table, not 3"),
        ("tool = 3", "[tool] must be a table, not 3"),
        ("[tool", "Expected ']'"),
        ("tool = 'x", "pyproject.toml: "),
    ],
)
def test_a_device_configuration_that_does_not_fit_is_one_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        device_configs(checkout(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path / 'pyproject.toml'}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pyproject_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"pyproject\.toml: "):
        device_configs(tmp_path)


@pytest.mark.parametrize("text", ["[tool.accelbench]", "[project]\nname = 'x'", ""])
def test_a_pyproject_without_devices_has_none(tmp_path: Path, text: str) -> None:
    assert device_configs(checkout(tmp_path, text)) == ()


SAID = {
    "pytest.ini": "[pytest]\naccelbench_workloads = mine\naccelbench_baselines = kept\n",
    "tox.ini": "[testenv]\nsetenv = A=%(x\n[pytest]\naccelbench_workloads = mine\n"
    "accelbench_baselines = kept\n",
    "setup.cfg": "[tool:pytest]\naccelbench_workloads = mine\naccelbench_baselines = kept\n",
    "pyproject.toml": "[tool.pytest]\naccelbench_workloads = 'mine'\n"
    "accelbench_baselines = 'kept'\n",
}


@pytest.mark.parametrize("name", SAID)
def test_folders_come_from_every_file_that_pytest_reads(
    tmp_path: Path, home: Path, name: str
) -> None:
    (tmp_path / name).write_text(SAID[name])
    found = from_checkout(tmp_path)
    assert (found.workloads, found.baselines) == (tmp_path / "mine", tmp_path / "kept")


def test_of_several_files_the_one_that_pytest_prefers_counts(tmp_path: Path, home: Path) -> None:
    for name in ("setup.cfg", "tox.ini", "pyproject.toml", "pytest.ini"):
        (tmp_path / name).write_text(SAID[name].replace("mine", f"of-{name}"))
        assert from_checkout(tmp_path).workloads == tmp_path / f"of-{name}"


@pytest.mark.parametrize("name", SAID)
def test_a_checkout_is_found_from_inside_it(tmp_path: Path, home: Path, name: str) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    (inside / "pyproject.toml").write_text("[project]\nname = 'a part without workloads'\n")
    (tmp_path / name).write_text(SAID[name])
    found = from_checkout(inside)
    assert (found.root, found.workloads) == (tmp_path, tmp_path / "mine")


def test_a_checkout_with_the_usual_folder_is_found_with_its_devices(
    tmp_path: Path, home: Path
) -> None:
    workloads = tmp_path / "bench" / "workloads"
    workloads.mkdir(parents=True)
    checkout(tmp_path, "[tool.accelbench.device.ipu]\nsetup = 'source enable'\n")
    found = from_checkout(workloads)
    assert (found.root, found.workloads) == (tmp_path, workloads)
    assert found.baselines == tmp_path / "baselines"
    assert found.device_config("ipu").setup == "source enable"


def test_outside_of_every_checkout_the_folder_itself_counts(tmp_path: Path, home: Path) -> None:
    checkout(tmp_path, "[tool.pytest.ini_options]\naddopts = '-q'\n")
    inside = tmp_path / "a"
    inside.mkdir()
    assert from_checkout(inside).root == inside


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("pyproject.toml", "[tool]\npytest = 3", "[tool.pytest] must be a table, not 3"),
        (
            "pyproject.toml",
            "[tool.pytest]\nini_options = 'x'",
            "[tool.pytest.ini_options] must be a table, not 'x'",
        ),
        ("pytest.ini", "[pytest]\n[pytest]\n", "section 'pytest' already exists"),
        ("tox.ini", "nothing\n", "File contains no section headers"),
        ("setup.cfg", "[tool:pytest]\n a\n= b\n", "parsing errors"),
    ],
)
def test_settings_of_pytest_that_do_not_fit_are_one_line(
    tmp_path: Path, home: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError) as caught:
        from_checkout(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_data_root_is_chosen_by_the_environment(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELBENCH_DATA", "~/data")
    assert from_checkout(tmp_path).data_root == home / "data"


def test_the_treatment_names_version_and_commit_and_hides_the_hosts_name(
    tmp_path: Path, home: Path
) -> None:
    import platform

    found = dict(session_treatment(tmp_path))
    assert found["commit"] == "none"
    assert str(found["host"]).startswith("host-")
    assert platform.node() not in str(found)


def test_the_commit_and_who_accepts_come_from_git(tmp_path: Path, home: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert settings.accepted_by(tmp_path)
    git("init", "-q")
    git("config", "user.name", "A Person")
    git("config", "user.email", "person@example.org")
    git("commit", "-q", "--allow-empty", "-m", "first")
    commit = dict(session_treatment(tmp_path))["commit"]
    assert git("rev-parse", "HEAD").startswith(str(commit))
    assert settings.accepted_by(tmp_path) == "A Person"
