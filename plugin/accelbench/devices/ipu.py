"""ipu: a Graphcore IPU, through poptorch."""

from __future__ import annotations

from pathlib import Path

from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable


def find(device: str, _config: DeviceConfig) -> Found | Unavailable:
    """Say what is missing: the device nodes, or this version's support for them."""
    if not any(Path("/dev").glob("ipu*")):
        return Unavailable(device, "no IPU is attached: /dev holds no ipu device")
    return Unavailable(device, "an IPU is attached, but this version cannot train on it yet")


KIND = DeviceKind("ipu", ids=("ipu",), pattern="ipu", find=find)
