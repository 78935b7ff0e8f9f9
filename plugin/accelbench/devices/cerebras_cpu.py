"""cerebras-cpu: the Cerebras SDK's own CPU backend, which needs no cluster."""

from __future__ import annotations

from accelbench.devices import cerebras
from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable


def find(device: str, config: DeviceConfig) -> Found | Unavailable:
    """Find the SDK in the device's interpreter; it trains on this host's processor."""
    return cerebras.local(device, config, measures=True)


KIND = DeviceKind("cerebras-cpu", ids=("cerebras-cpu",), pattern="cerebras-cpu", find=find)
