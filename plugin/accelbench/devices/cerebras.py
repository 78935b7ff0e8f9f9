"""cerebras: a Cerebras CSX, through cerebras_pytorch in the device's own interpreter.

Found without a job: by the cluster's configuration file first, then by asking the interpreter that
holds the SDK what the file says and whether the cluster's management server can be reached.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import accelbench
from accelbench.asking import ask
from accelbench.devices import cpu
from accelbench.devices.kind import ON_THE_HOST, DeviceConfig, DeviceKind, Found, Unavailable

MARK = "accelbench-cerebras-probe "
"""What stands before the answer, on its line."""

_SYSTEMS = {"cs2": "Cerebras CS-2", "cs3": "Cerebras CS-3"}


def find(device: str, config: DeviceConfig) -> Found | Unavailable:
    """Find the cluster that is configured where the device's interpreter runs."""
    options = dict(config.options)
    address = str(options.get("mgmt_address", ""))
    missing = _missing(config) if not address else None
    if missing is not None:
        return Unavailable(device, missing)
    seen = probe(config, "cluster", address)
    if isinstance(seen, str):
        return Unavailable(device, seen)
    if not seen["cerebras_pytorch"]:
        return _without_sdk(device, seen)
    systems = int(str(options.get("num_csx", 1)))
    model = _SYSTEMS.get(seen["fabric"], f"Cerebras {seen['fabric'] or 'CSX'}")
    where = (("cerebras_cluster", seen["cluster"]),) if seen["cluster"] else ()
    return Found(
        device,
        model if systems == 1 else f"{systems} x {model}",
        # One run of a session at a time: a second would wait in the cluster's queue behind it.
        units=("cerebras",),
        facts=(*_versions(seen), *where),
        platform="cerebras",
        cancel=_cancel(config),
    )


def _missing(config: DeviceConfig) -> str | None:
    """Say that no cluster is configured, where that can be told from here.

    A setup or a launcher may lead to another environment or file system: then its interpreter is
    asked.
    """
    if config.setup or len(config.command) > 1:
        return None
    named = {**os.environ, **dict(config.env)}.get("CSCONFIG_PATH", "")
    path = Path(named or "/opt/cerebras/config_v2")
    if path.exists():
        return None
    hint = "" if named else ": set CSCONFIG_PATH if it lies elsewhere"
    return f"no Cerebras cluster is configured: {path} is missing{hint}"


@lru_cache(maxsize=64)  # `cache` is missing where the oldest worker looks for its device
def probe(config: DeviceConfig, what: str, address: str = "") -> dict[str, str] | str:
    """Ask a device's interpreter for the SDK: its versions, and of a cluster what is configured.

    Returns in one line why there is no answer, or no cluster. Asked once for each interpreter.
    """
    file = Path(accelbench.__file__).parent / "workers" / "cerebras_probe.py"
    source = file.read_text(encoding="utf-8")
    answer = ask(config, source, (what, address), MARK, "what the Cerebras SDK sees")
    if isinstance(answer, str):
        return answer
    if "reason" in answer:
        return str(answer["reason"])
    return {name: str(value) for name, value in answer.items()}


def _without_sdk(device: str, seen: dict[str, str]) -> Unavailable:
    return Unavailable(
        device,
        f"{seen['python']} does not have the Cerebras SDK: name an interpreter that has it, in "
        f'pyproject.toml: [tool.accelbench.device.{device}] command = ["/path/to/venv/bin/python"]',
    )


def _versions(seen: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((f"{name}_version", seen[name]) for name in ("cerebras_pytorch", "torch"))


def _cancel(config: DeviceConfig) -> tuple[str, ...]:
    """Return the argument list that cancels a run's jobs by their label."""
    file = Path(accelbench.__file__).parent / "workers" / "cerebras_jobs.py"
    options = dict(config.options)
    names = ("mgmt_address", "mgmt_namespace", "credentials_path")
    place = [str(options.get(name, "")) for name in names]
    arguments = ("-c", file.read_text(encoding="utf-8"), "{run}", *place)
    return config.interpreter().line(arguments, config.environment())


def local(device: str, config: DeviceConfig, measures: bool) -> Found | Unavailable:  # noqa: FBT001  # named when called
    """Find what the SDK does on this host's processor: its CPU backend, or a check."""
    seen = probe(config, "sdk")
    if isinstance(seen, str):
        return Unavailable(device, seen)
    if not seen["cerebras_pytorch"]:
        return _without_sdk(device, seen)
    return Found(
        device,
        cpu.model(),
        units=("cpu",),
        facts=(ON_THE_HOST, *_versions(seen)),
        platform=device,
        measures=measures,
    )


KIND = DeviceKind("cerebras", ids=("cerebras",), pattern="cerebras", find=find)
