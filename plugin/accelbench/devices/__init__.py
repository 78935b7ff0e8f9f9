"""Devices: one file per kind, found by listing this folder."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

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
]


class UnknownDeviceError(Exception):
    """A device id that no kind knows; the message names those that exist."""


@cache
def kinds() -> tuple[DeviceKind, ...]:
    """Return all kinds of device, in the order of their names."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    names = [file.stem for file in files if file.stem not in {"__init__", "kind"}]
    return tuple(importlib.import_module(f"accelbench.devices.{name}").KIND for name in names)


def default_ids() -> tuple[str, ...]:
    """Return the ids that a session offers where none are configured."""
    return tuple(sorted((i for kind in kinds() for i in kind.ids), key=_by_kind_and_number))


def _by_kind_and_number(device: str) -> tuple[int, int]:
    name, _, number = device.partition("-")
    order = [kind.name for kind in kinds()]
    first = ["cpu", "gpu"].index(name) if name in {"cpu", "gpu"} else 2 + order.index(name)
    return first, int(number or 0)


def kind_of(device: str) -> DeviceKind:
    """Return the kind that knows a device id; UnknownDeviceError names the ids that exist."""
    for kind in kinds():
        if kind.knows(device):
            return kind
    raise UnknownDeviceError(
        f"unknown device {device!r}; known: {', '.join(default_ids())} (gpu-N and cpu-N for any N)"
    )
