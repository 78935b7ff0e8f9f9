"""ipu and cerebras on a machine without them: the whole suite skips, in the devices' own words."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

from accelbench.devices import DeviceConfig, Unavailable, kind_of

CHECKOUT = Path(__file__).parents[3]
SELECTED = "ipu or cerebras"

# What a module system and a login script print: with braces, without an end of line.
NOISE = "setup = \"echo 'loading { SDK } 3.4'; printf 'no end of line'; echo warning >&2\"\n"


@pytest.fixture
def suite(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """A checkout with this one's bench/ folder, on a machine with no cluster configured."""
    monkeypatch.setenv("CSCONFIG_PATH", str(tmp_path / "none"))
    for device in ("ipu", "cerebras"):
        if not isinstance(kind_of(device).find(device, DeviceConfig()), Unavailable):
            pytest.skip(f"{device} is here: this is about a machine without it")
    shutil.rmtree(project.path / "bench")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "bench", project.path / "bench", ignore=ignored)
    return project


def words(device: str, config: DeviceConfig | None = None) -> str:
    """Return what a device that is not here says of itself."""
    found = kind_of(device).find(device, config or DeviceConfig())
    assert isinstance(found, Unavailable)
    return f"{device}: {found.reason}"


def skips(result: pytest.RunResult) -> dict[str, int]:
    """Return how often each reason is told in the summary."""
    told: dict[str, int] = {}
    for line in result.outlines:
        if line.startswith("SKIPPED ["):
            count, _, rest = line.removeprefix("SKIPPED [").partition("] ")
            reason = rest.partition(": ")[2]
            told[reason] = told.get(reason, 0) + int(count)
    return told


def test_the_suite_skips_in_the_devices_own_words(suite: Project) -> None:
    result = suite.run("-m", SELECTED)
    assert result.ret == pytest.ExitCode.OK
    outcomes = result.parseoutcomes()
    assert set(outcomes) <= {"skipped", "deselected", "warnings"}
    told = skips(result)
    assert set(told) == {words("ipu"), words("cerebras")}
    assert sum(told.values()) == outcomes["skipped"]
    assert len(set(told.values())) == 1, "each device has the same tests"
    # No test of ipu-model, cerebras-cpu or cerebras-check: these may well be here.
    assert not [line for line in result.outlines if "-model" in line or "cerebras-c" in line]


def test_a_required_device_that_is_absent_fails_the_suite(suite: Project) -> None:
    args = ("-m", SELECTED, "--require-device", "ipu", "-k", "mnist_softmax and test_training")
    result = suite.run(*args)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    outcomes = result.parseoutcomes()
    assert (outcomes["errors"], outcomes["skipped"]) == (1, 1)
    assert set(skips(result)) == {words("cerebras")}
    result.stdout.fnmatch_lines([f"{words('ipu')} (--require-device)"])


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (
            '["/nonexistent/python"]',
            "its interpreter /nonexistent/python does not start: No such file or directory",
        ),
        ('["sh", "-c", "echo gone; exit 4"]', "its interpreter ended with status 4"),
        (
            '["sh", "-c", "echo no licence >&2; exit 4"]',
            "its interpreter ended with status 4: no licence",
        ),
    ],
    ids=["missing", "silent", "ends"],
)
def test_an_interpreter_that_cannot_be_asked_skips_and_fails_where_it_is_required(
    project: Project, command: str, reason: str
) -> None:
    project.noise()
    for device in ("ipu", "cerebras-cpu"):
        project.append(
            "pyproject.toml", f"[tool.accelbench.device.{device}]\ncommand = {command}\n"
        )
    result = project.run("-m", "ipu or cerebras-cpu", "--require-device", "ipu")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert set(skips(result)) == {f"cerebras-cpu: {reason}"}
    result.stdout.fnmatch_lines([f"ipu: {reason} (--require-device)"])


def test_start_up_noise_is_ignored_but_for_a_setups_last_error_where_the_sdk_is_missing(
    plain_project: Project,
) -> None:
    plain_project.noise()
    for device in ("ipu", "cerebras-cpu"):
        # An interpreter without packages: its answer is that the SDK is missing.
        table = f'{NOISE}command = ["{sys.executable}", "-S"]\n'
        plain_project.append("pyproject.toml", f"[tool.accelbench.device.{device}]\n{table}")
    quiet = DeviceConfig((sys.executable, "-S"))
    result = plain_project.run("-m", "ipu or cerebras-cpu")
    assert result.ret == pytest.ExitCode.OK
    missing = f"{words('ipu', quiet)} (on stderr: warning)"
    assert set(skips(result)) == {missing, words("cerebras-cpu", quiet)}


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("no_such = 1", "unknown option 'no_such' of poptorch; known: *"),
        ('device_iterations = "many"', "option device_iterations must be a whole number, not *"),
    ],
)
def test_a_wrong_option_is_a_usage_error_that_names_its_table(
    project: Project, table: str, line: str
) -> None:
    project.noise()
    project.append("pyproject.toml", f"[tool.accelbench.device.ipu.options]\n{table}\n")
    result = project.run("-m", "cpu")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    file = project.path / "pyproject.toml"
    (told,) = [each for each in result.errlines if each]
    start = f"ERROR: {file}: [tool.accelbench.device.ipu.options]: "
    assert told.startswith(start)
    pytest.LineMatcher([told.removeprefix(start)]).fnmatch_lines([line])
