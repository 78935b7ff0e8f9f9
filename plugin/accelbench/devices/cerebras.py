"""cerebras: a Cerebras CSX, through cerebras_pytorch."""

from __future__ import annotations

import os
from pathlib import Path

from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable


def find(device: str, _config: DeviceConfig) -> Found | Unavailable:
    """Say what is missing: a cluster's configuration, or this version's support for it."""
    path = Path(os.environ.get("CSCONFIG_PATH", "/opt/cerebras/config_v2"))
    if not path.exists():
        return Unavailable(device, f"no Cerebras cluster is configured: {path} is missing")
    return Unavailable(device, "a cluster is configured, but this version cannot train on it yet")


KIND = DeviceKind("cerebras", ids=("cerebras",), pattern="cerebras", find=find)
