"""Finds a device where its interpreter is: the host that ssh or srun reaches looks for itself."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelbench import boot
from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable
from accelbench.workers.watchdog import RUN_VARIABLE

if TYPE_CHECKING:
    from accelbench.records import Scalar

ANSWER_SECONDS = 60.0

_SIDE = (*boot.WORKER_SIDE, "interpreter.py", "boot.py", "devices/*.py", "nvml/*.py")

_LOOK = f"""
import atexit, importlib, json, os, shutil, sys, tempfile
folder = tempfile.mkdtemp(prefix="accelbench-")
atexit.register(shutil.rmtree, folder, True)
{boot.UNPACK}{boot.IMPORT}
from accelbench import codec
from accelbench.interpreter import DeviceConfig
kind = importlib.import_module(kind_module).KIND
print(json.dumps(codec.to_json(kind.find(device, DeviceConfig((sys.executable,))))))
"""


def anywhere(kind: DeviceKind) -> DeviceKind:
    """Return a kind that is also found on the hosts which a configuration names."""

    def find(device: str, config: DeviceConfig) -> Found | Unavailable:
        hosts = config.hosts(replicas(device))
        return _together(kind, device, config) if any(hosts) else kind.find(device, config)

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
    models = {found.model for found in parts.values()}
    if len(models) > 1:
        return Unavailable(device, f"its hosts differ: {', '.join(sorted(models))}")
    return _joined(device, parts, named=bool(config.ssh) or len(parts) > 1)


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
    import subprocess  # collecting does without it

    interpreter = config.interpreter(*rank)
    env = {**config.environment(*rank), RUN_VARIABLE: f"find@{secrets.token_hex(8)}"}
    told = (_sources(kind), kind.find.__module__, device)
    line = boot.line(f"files, kind_module, device = {told!a}\n{_LOOK}")
    command = interpreter.line(("-u", "-c", boot.BOOT), env)
    try:
        done = subprocess.run(
            command,
            input=line,
            capture_output=True,
            env={**os.environ, **env},
            timeout=ANSWER_SECONDS,
            check=False,
        )
        return _answer(device, json.loads(done.stdout.rpartition(boot.MARKER)[2]))
    except OSError as error:
        return Unavailable(device, f"cannot start {command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Unavailable(device, f"{interpreter.host}: no answer in {ANSWER_SECONDS:g} s")
    except (ValueError, KeyError, TypeError):
        words = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        reason = words or f"no answer (exit status {done.returncode})"
        return Unavailable(device, f"{interpreter.host}: {reason}")


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
    )
