"""gpu-N: data-parallel training over N GPUs of one host."""

from __future__ import annotations

from pathlib import Path

from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable


def find(device: str, _config: DeviceConfig) -> Found | Unavailable:
    """Say what is missing: the driver, or this version's support for it."""
    if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/kfd").exists():
        return Unavailable(device, "no GPU driver is loaded: neither /dev/nvidia0 nor /dev/kfd")
    return Unavailable(device, "a GPU is there, but this version cannot train on it yet")


KIND = DeviceKind(
    "gpu",
    ids=("gpu-1", "gpu-2", "gpu-4", "gpu-8"),
    pattern=r"gpu-[1-9]\d*",
    find=find,
    group="gpu",
)
