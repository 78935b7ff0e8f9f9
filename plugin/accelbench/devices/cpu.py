"""cpu: the processor of this host, one unit that a run holds alone; cpu-N: N replicas on it."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable


def model() -> str:
    """Return the processor's name and how many cores a run may use."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return f"{name} {cores} cores"


def find(device: str, config: DeviceConfig) -> Found | Unavailable:
    """Find the host's processor, whatever the number of replicas; its interpreter must exist."""
    if shutil.which(config.command[0]) is None:
        return Unavailable(device, f"its interpreter {config.command[0]} does not exist")
    replicas = int(device.partition("-")[2] or 1)
    return Found(device, model(), units=("cpu",), replicas=replicas)


KIND = DeviceKind("cpu", ids=("cpu", "cpu-2", "cpu-4"), pattern=r"cpu(-[1-9]\d*)?", find=find)
