"""Finds a device where its interpreter is: the host that ssh or srun reaches looks for itself."""

from __future__ import annotations

import json
import secrets
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelbench import boot
from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable
from accelbench.workers.watchdog import RUN_VARIABLE

if TYPE_CHECKING:
    from accelbench.records import Scalar

ANSWER_SECONDS = 60.0

_SIDE = (
    *boot.WORKER_SIDE,
    *("interpreter.py", "slurm.py", "boot.py", "asking.py"),
    *("devices/*.py", "nvml/*.py"),
)

_LOOK = f"""
import atexit, importlib, json, os, shutil, sys, tempfile
folder = tempfile.mkdtemp(prefix="accelbench-")
atexit.register(shutil.rmtree, folder, True)
{boot.UNPACK}{boot.IMPORT}
from accelbench import codec
from accelbench.interpreter import DeviceConfig
kind = importlib.import_module(kind_module).KIND
config = DeviceConfig((sys.executable,), options=options)
print(json.dumps(codec.to_json(kind.find(device, config))))
"""
"""Runs where the device is; setup and environment are done with: this process has them already."""


def anywhere(kind: DeviceKind) -> DeviceKind:
    """Return a kind that is also found on the hosts which a configuration names."""

    def find(device: str, config: DeviceConfig) -> Found | Unavailable:
        hosts = config.hosts(replicas(device))
        if any(hosts):
            return _together(kind, device, config)
        found = kind.find(device, config)
        return _cancelling(found, config) if isinstance(found, Found) and found.cancel else found

    def facts(units: tuple[str, ...]) -> tuple[tuple[str, Scalar], ...]:
        here = tuple(unit for unit in units if "/" not in unit)
        return kind.facts(here) if kind.facts is not None and here else ()

    return replace(kind, find=find, facts=facts if kind.facts is not None else None)


def replicas(device: str) -> int:
    """Return how many replicas an id asks for: kind-N."""
    number = device.rpartition("-")[2]
    return int(number) if number.isdecimal() else 1


def _together(kind: DeviceKind, device: str, config: DeviceConfig) -> Found | Unavailable:
    """Find each host's share of a device; of several hosts, exactly the units of each share."""
    hosts = config.hosts(replicas(device))
    shares = Counter(hosts)
    parts: dict[str, Found] = {}
    for host, share in shares.items():
        part = device if len(shares) == 1 else f"{device.rpartition('-')[0]}-{share}"
        found = _ask(kind, part, config, (hosts.index(host), len(hosts)))
        if isinstance(found, Unavailable):
            return Unavailable(device, found.reason)
        parts[host] = found
        if found.cancel:  # its host knew of no setup: it was done
            parts[host] = _cancelling(found, config, config.after_setup)
    models = {found.model for found in parts.values()}
    if len(models) > 1:
        return Unavailable(device, f"its hosts differ: {', '.join(sorted(models))}")
    return _joined(device, parts, named=bool(config.ssh) or len(parts) > 1)


def _cancelling(
    found: Found,
    config: DeviceConfig,
    after: Callable[[tuple[str, ...]], tuple[str, ...]] = tuple,
) -> Found:
    """Return what was found, with a command to cancel that needs no worker's surroundings.

    It runs on the device's host in a process of its own, when its worker is gone.
    """
    words = [f"{name}={value}" for name, value in config.environment().items()]
    return replace(found, cancel=("env", *words, *after(found.cancel)))


def _joined(device: str, parts: dict[str, Found], *, named: bool) -> Found:
    first = next(iter(parts.values()))
    if not named:
        return first
    units = [
        f"{host.replace(':', '_')}/{unit}"
        for host, found in parts.items()
        for unit in (found.units if len(parts) == 1 else found.units[: found.count])
    ]
    return replace(
        first,
        device=device,
        units=tuple(units),
        count=sum(found.count for found in parts.values()),
        replicas=sum(found.replicas for found in parts.values()),
    )


def _ask(
    kind: DeviceKind, device: str, config: DeviceConfig, rank: tuple[int, int]
) -> Found | Unavailable:
    """Have the interpreter of one rank look for a device on its own host."""
    from accelbench import question  # collecting does without it

    interpreter = config.interpreter(*rank)
    env = {**config.environment(*rank), RUN_VARIABLE: f"find@{secrets.token_hex(8)}"}
    told = (_sources(kind), kind.find.__module__, device, config.options)
    line = boot.line(f"files, kind_module, device, options = {told!a}\n{_LOOK}")
    command = interpreter.line(("-u", "-c", boot.BOOT), env)
    try:
        done = question.put(command, env, line, ANSWER_SECONDS)
        return _answer(device, json.loads(_said(done.out)))
    except TimeoutError:
        return Unavailable(device, f"{interpreter.host}: no answer in {ANSWER_SECONDS:g} s")
    except OSError as error:
        return Unavailable(device, f"cannot start {command[0]}: {error.strerror}")
    except (ValueError, KeyError, TypeError):
        words = done.err.decode(errors="replace").strip().rpartition("\n")[2]
        reason = words or f"no answer (exit status {done.status})"
        return Unavailable(device, f"{interpreter.host}: {reason}")


def _said(out: bytes) -> bytes:
    """Return the answer among what launchers, setups and login shells print around it."""
    lines = out.rpartition(boot.MARKER)[2].splitlines()
    return next((line for line in reversed(lines) if line.startswith(b"{")), b"")


def _sources(kind: DeviceKind) -> dict[str, bytes]:
    """Return the files that finding a device takes; a kind of another package is one of them."""
    file = Path(str(sys.modules[kind.find.__module__].__file__))
    return {**boot.sources(_SIDE), f"accelbench/devices/{file.name}": file.read_bytes()}


def _answer(device: str, value: dict[str, Any]) -> Found | Unavailable:
    """Return what a host answered, as it was found there."""
    if "reason" in value:
        return Unavailable(device, str(value["reason"]))
    units = tuple(str(unit) for unit in value["units"])
    facts = tuple((str(name), str(fact)) for name, fact in value["facts"])
    return Found(
        device,
        str(value["model"]),
        units,
        facts,
        count=int(value["count"]),
        replicas=int(value["replicas"]),
        platform=str(value["platform"]),
        visibility=str(value["visibility"]),
        measures=bool(value["measures"]),
        cancel=tuple(str(word) for word in value["cancel"]),
    )
