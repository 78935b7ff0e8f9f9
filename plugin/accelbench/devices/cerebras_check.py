"""cerebras-check: lowers a workload's steps as for a CSX, without one, and measures nothing."""

from __future__ import annotations

from accelbench.devices import cerebras
from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable


def find(device: str, config: DeviceConfig) -> Found | Unavailable:
    """Find the SDK in the device's interpreter; it compiles on this host's processor."""
    return cerebras.local(device, config, measures=False)


KIND = DeviceKind("cerebras-check", ids=("cerebras-check",), pattern="cerebras-check", find=find)
