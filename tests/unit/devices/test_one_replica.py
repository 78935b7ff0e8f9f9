"""Which device is one replica of another: the id tells, nothing is found or started."""

from __future__ import annotations

import pytest

from accelbench.devices import UnknownDeviceError, one_replica


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cpu-4", "cpu"),
        ("cpu", "cpu"),
        ("cpu-1", "cpu-1"),
        ("gpu-8", "gpu-1"),
        ("gpu-1", "gpu-1"),
        ("ipu", "ipu"),
        ("ipu-1", "ipu-1"),
        ("ipu-4", "ipu"),
        ("ipu-model", "ipu-model"),
        ("cerebras", "cerebras"),
        ("cerebras-cpu", "cerebras-cpu"),
        ("cerebras-check", "cerebras-check"),
    ],
)
def test_a_device_is_measured_beside_one_of_its_kind(device: str, expected: str) -> None:
    assert one_replica(device) == expected


def test_an_unknown_device_names_those_that_exist() -> None:
    with pytest.raises(UnknownDeviceError, match="unknown device 'tpu-4'; known: cpu, "):
        one_replica("tpu-4")
