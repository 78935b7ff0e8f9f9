"""Devices: ids, marks, and what is said where one is absent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from accelbench.devices import (
    DeviceConfig,
    Found,
    Unavailable,
    UnknownDeviceError,
    default_ids,
    kind_of,
    kinds,
)


def test_the_kinds_are_the_files_of_the_folder() -> None:
    assert [kind.name for kind in kinds()] == [
        "accelerator",
        "cerebras", "cerebras-check", "cerebras-cpu", "cpu", "gpu", "ipu", "ipu-model",
    ]  # fmt: skip


def test_the_ids_on_offer_are_those_of_the_design() -> None:
    assert default_ids() == (
        "cpu", "cpu-2", "cpu-4", "gpu-1", "gpu-2", "gpu-4", "gpu-8",
        "cerebras", "cerebras-check", "cerebras-cpu", "ipu", "ipu-model",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("cpu", ("cpu",)),
        ("cpu-2", ("cpu-2",)),
        ("cpu-16", ("cpu-16",)),
        ("gpu-2", ("gpu-2", "gpu")),
        ("gpu-3", ("gpu-3", "gpu")),
        ("ipu", ("ipu",)),
        ("ipu-4", ("ipu-4",)),
        ("ipu-model", ("ipu-model",)),
        ("cerebras", ("cerebras",)),
        ("cerebras-cpu", ("cerebras-cpu",)),
        ("cerebras-check", ("cerebras-check",)),
        ("mps", ("mps",)),
        ("xpu-2", ("xpu-2",)),
    ],
)
def test_an_id_carries_exactly_its_marks(name: str, marks: tuple[str, ...]) -> None:
    assert kind_of(name).marks(name) == marks


@pytest.mark.parametrize(
    "name",
    ["", "gpu", "gpu-0", "gpu-", "cpu-02x", "CPU", "tpu", "cpu\n", "ipu-0", "ipu-", "cerebras-2"],
)
def test_an_unknown_id_is_named_beside_those_that_exist(name: str) -> None:
    with pytest.raises(UnknownDeviceError) as caught:
        kind_of(name)
    assert str(caught.value) == (
        f"unknown device {name!r}; known: cpu, cpu-2, cpu-4, gpu-1, gpu-2, gpu-4, gpu-8, cerebras, "
        "cerebras-check, cerebras-cpu, ipu, ipu-model (cpu-N, gpu-N and ipu-N for any N; by "
        "torch's accelerators mps, and hpu-N, mlu-N, musa-N, npu-N, xpu-N)"
    )


def test_the_cpu_is_there_with_its_model_and_cores() -> None:
    found = kind_of("cpu").find("cpu", DeviceConfig())
    assert isinstance(found, Found)
    assert found.units == ("cpu",)
    assert found.model.endswith(" cores")


def test_a_cpu_whose_interpreter_is_missing_says_which() -> None:
    found = kind_of("cpu").find("cpu", DeviceConfig(("/nonexistent/python",)))
    assert found == Unavailable("cpu", "its interpreter /nonexistent/python does not exist")


@pytest.mark.parametrize("name", ["ipu", "ipu-4", "ipu-model", "cerebras", "cerebras-cpu"])
def test_a_device_whose_interpreter_has_no_package_says_why_it_is_absent(name: str) -> None:
    found = kind_of(name).find(name, DeviceConfig((sys.executable, "-S")))
    assert isinstance(found, Unavailable)
    assert found.device == name
    assert len(found.reason) > 20
    assert "\n" not in found.reason


def test_a_configured_cerebras_cluster_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSCONFIG_PATH", str(tmp_path / "none"))
    absent = kind_of("cerebras").find("cerebras", DeviceConfig())
    assert isinstance(absent, Unavailable)
    assert f"{tmp_path / 'none'} is missing" in absent.reason
    monkeypatch.setenv("CSCONFIG_PATH", str(tmp_path))
    there = kind_of("cerebras").find("cerebras", DeviceConfig())
    assert isinstance(there, Unavailable)
    assert "does not have the Cerebras SDK" in there.reason
