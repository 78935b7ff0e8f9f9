"""Devices: one file per kind, found by listing this folder."""

from __future__ import annotations

import importlib
from functools import lru_cache
from pathlib import Path

from accelbench.devices.elsewhere import anywhere
from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable

__all__ = [
    "DeviceConfig",
    "DeviceKind",
    "Found",
    "Unavailable",
    "UnknownDeviceError",
    "default_ids",
    "kind_of",
    "kinds",
    "one_replica",
]


class UnknownDeviceError(Exception):
    """A device id that no kind knows; the message names those that exist."""


@lru_cache(maxsize=1)  # `cache` is missing where the oldest worker looks for its device
def kinds() -> tuple[DeviceKind, ...]:
    """Return all kinds of device, in the order of their names.

    Kinds of another package are found too, where it adds its folder to this package's `__path__`
    before the options are parsed, as a conftest.py can.
    """
    files = [file for folder in __path__ for file in sorted(Path(folder).glob("*.py"))]
    names = [file.stem for file in files if file.stem not in {"__init__", "elsewhere", "kind"}]
    modules = [importlib.import_module(f"accelbench.devices.{name}") for name in names]
    return tuple(anywhere(module.KIND) for module in modules)


def default_ids() -> tuple[str, ...]:
    """Return the ids that a session offers where none are configured."""
    return tuple(sorted((i for kind in kinds() for i in kind.ids), key=_by_kind_and_number))


def _by_kind_and_number(device: str) -> tuple[int, str, int, str]:
    """Sort cpu and gpu first, then by name: ipu before ipu-2, and ipu-2 before ipu-model."""
    name, _, rest = device.partition("-")
    first = ["cpu", "gpu"].index(name) if name in {"cpu", "gpu"} else 2
    return (first, name, int(rest), "") if rest.isdecimal() else (first, name, 0, rest)


def kind_of(device: str) -> DeviceKind:
    """Return the kind that knows a device id; UnknownDeviceError names the ids that exist."""
    for kind in kinds():
        if kind.knows(device):
            return kind
    raise UnknownDeviceError(
        f"unknown device {device!r}; known: {', '.join(default_ids())} (cpu-N, gpu-N and "
        "ipu-N for any N; by torch's accelerators mps, and hpu-N, mlu-N, musa-N, npu-N, xpu-N)"
    )


def one_replica(device: str) -> str:
    """Return the id of one replica on a device's kind, as cpu for cpu-4; UnknownDeviceError.

    What follows the dash may be a word: cerebras-cpu is a device of its own, with one replica.
    """
    kind = kind_of(device)
    name, _, number = device.partition("-")
    if not number.isdecimal() or number == "1":
        return device
    return next((each for each in (name, f"{name}-1") if kind.knows(each)), device)
