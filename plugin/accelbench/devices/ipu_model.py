"""ipu-model: an IPU that poptorch emulates on the processor; what it trains is right, not fast."""

from __future__ import annotations

from accelbench.devices import cpu
from accelbench.devices.ipu import asked, facts, nothing_here
from accelbench.devices.kind import ON_THE_HOST, DeviceConfig, DeviceKind, Found, Unavailable


def find(device: str, config: DeviceConfig) -> Found | Unavailable:
    """Find the SDK: the processor does the work, and is what a run holds."""
    if nothing_here(config):
        where = f"[tool.accelbench.device.{device}] in pyproject.toml"
        return Unavailable(
            device, f"no poptorch is installed here, and {where} names no interpreter that has it"
        )
    seen = asked(0, config)
    if isinstance(seen, str):
        return Unavailable(device, seen)
    return Found(
        device,
        f"Graphcore IPU model on {cpu.model()}",
        units=("cpu",),
        facts=(ON_THE_HOST, *facts(seen)),
        platform="ipu-model",
    )


KIND = DeviceKind("ipu-model", ids=("ipu-model",), pattern="ipu-model", find=find)
