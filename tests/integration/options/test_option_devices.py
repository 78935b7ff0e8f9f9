"""--devices, ini accelbench_devices, and selection by marker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

EVERY = "cpu cpu-2 cpu-4 gpu-1 gpu-2 gpu-4 gpu-8 cerebras cerebras-check cerebras-cpu ipu ipu-model"


def selected(result: pytest.RunResult) -> list[str]:
    """Return the devices of the tests that --collect-only -q lists."""
    return [
        line.rpartition("noise-")[2].rstrip("]")
        for line in result.outlines
        if "::test_training[noise-" in line
    ]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), EVERY.split()),
        (("-m", "cpu"), ["cpu"]),
        (("-m", "gpu-2"), ["gpu-2"]),
        (("-m", "ipu"), ["ipu"]),
        (("-m", "ipu or cerebras"), ["cerebras", "ipu"]),
        (("-m", "cerebras-cpu or ipu-model"), ["cerebras-cpu", "ipu-model"]),
        (("--devices", "ipu-4,ipu", "-m", "ipu-4"), ["ipu-4"]),
        (("-m", "gpu and not gpu-2"), ["gpu-1", "gpu-4", "gpu-8"]),
        (("--devices", "gpu-3,cpu"), ["gpu-3", "cpu"]),
        (("--devices", "gpu-3,cpu", "-m", "gpu"), ["gpu-3"]),
        (("--devices", " gpu-3, cpu "), ["gpu-3", "cpu"]),
        (("-o", "accelbench_devices=ipu cpu-4"), ["ipu", "cpu-4"]),
        (("-o", "accelbench_devices=ipu cpu-4", "--devices", "cpu"), ["cpu"]),
    ],
)
def test_options_and_markers_select_exactly_these_devices(
    plain_project: Project, args: tuple[str, ...], expected: list[str]
) -> None:
    plain_project.noise()
    result = plain_project.run("--collect-only", "-q", *args)
    assert result.ret == pytest.ExitCode.OK
    assert selected(result) == expected


def test_marker_cpu_trains_on_the_cpu_alone(project: Project) -> None:
    project.noise()
    result = project.run("-m", "cpu")
    result.assert_outcomes(passed=1, deselected=project.deselected(11))
    assert [each["run"]["spec"]["device"] for each in project.outcomes()] == ["cpu"]


def test_ini_names_the_devices_and_absent_ones_skip_in_their_own_words(project: Project) -> None:
    project.noise()
    project.append("pyproject.toml", 'accelbench_devices = ["cpu-2", "ipu"]')
    result = project.run()
    result.assert_outcomes(skipped=2)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines_random(
        [
            "SKIPPED*what is trained by 'own' has one replica: use -m cpu, not cpu-2",
            "SKIPPED*ipu: * IPU *",
        ]
    )


@pytest.mark.parametrize("args", [("--devices", "cpu,tpu"), ("-o", "accelbench_devices=tpu")])
def test_unknown_device_is_a_usage_error_that_names_the_ids(
    project: Project, args: tuple[str, ...]
) -> None:
    result = project.run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: unknown device 'tpu'; known: cpu, cpu-2, cpu-4, gpu-1, gpu-2, gpu-4, gpu-8, *"]
    )
    assert "Traceback" not in result.stderr.str()


def test_markers_are_registered(plain_project: Project) -> None:
    result = plain_project.run("--markers")
    result.stdout.fnmatch_lines_random(
        [
            f"@pytest.mark.{name}: trains on the device {name}"
            for name in ("cpu", "cpu-2", "gpu", "gpu-1", "gpu-8", *EVERY.split()[-5:])
        ]
    )
