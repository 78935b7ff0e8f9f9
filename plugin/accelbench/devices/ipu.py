"""ipu, ipu-N: Graphcore IPUs through poptorch, N of them training one copy of the model each.

IPUs are taken by powers of two: another N needs the option that takes more of them than it uses.
The IPUs that a process can use are its partition's: one unit, which a run holds alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import accelbench
from accelbench.asking import STDERR, ask
from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable

MARK = "accelbench-ipu-probe "
"""What stands before the answer, on its line."""

MODELS = {1: "Mk1", 2: "Mk2", 21: "Mk2 with FP8"}
"""By the version that the SDK gives its hardware."""


def find(device: str, config: DeviceConfig) -> Found | Unavailable:
    """Find N IPUs, as poptorch in the device's interpreter sees them; none is taken."""
    if nothing_here(config):
        advice = f"[tool.accelbench.device.{device}] in pyproject.toml names one elsewhere"
        return Unavailable(device, f"no IPU is attached: /dev holds no ipu device ({advice})")
    replicas = int(device.partition("-")[2] or 1)
    taken = 1 << (replicas - 1).bit_length()
    if taken != replicas and not dict(config.options).get("auto_round_ipus"):
        pair = f"ipu-{taken // 2}, ipu-{taken}"
        return Unavailable(
            device,
            f"IPUs are taken by powers of two: {pair}, or auto_round_ipus = true in its options",
        )
    seen = asked(taken, config)
    if isinstance(seen, str):
        return Unavailable(device, seen)
    version = int(str(seen["version"]))
    return Found(
        device,
        f"Graphcore IPU {MODELS.get(version, f'version {version}')}",
        units=("ipu",),
        facts=facts(seen),
        replicas=replicas,
        platform="ipu",
    )


def nothing_here(config: DeviceConfig) -> bool:
    """Tell, without starting a process, that nothing is configured and nothing is installed.

    IPUs that are reached over a network are no device of this host: their SDK alone is to be seen.
    """
    if config.command != DeviceConfig().command or config.setup or config.env:
        return False
    return not any(Path("/dev").glob("ipu*")) and importlib.util.find_spec("poptorch") is None


@lru_cache(maxsize=64)  # `cache` is missing where the oldest worker looks for its device
def asked(ipus: int, config: DeviceConfig) -> Mapping[str, object] | str:
    """Return what poptorch says, or in one line why there are not so many IPUs; 0 asks for none."""
    probe = Path(accelbench.__file__).parent / "workers" / "ipu_probe.py"
    source = probe.read_text(encoding="utf-8")
    seen = ask(config, source, (str(ipus),), MARK, "which IPUs poptorch sees")
    if isinstance(seen, str) or "reason" not in seen:
        return seen
    # A setup that failed to enable the SDK may have said why.
    said = seen.get(STDERR) if seen.get("missing") else None
    return f"{seen['reason']} (on stderr: {said})" if said else str(seen["reason"])


def facts(seen: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return what of the SDK belongs into a run's treatment."""
    return (("poptorch_version", str(seen["poptorch"])), ("sdk_torch_version", str(seen["torch"])))


KIND = DeviceKind("ipu", ids=("ipu",), pattern=r"ipu(-[1-9]\d*)?", find=find)
