"""xpu-N, hpu-N, npu-N, mlu-N, musa-N, mps: any other accelerator that torch knows.

The session imports no framework: the device's own interpreter is asked, in a short process, what
torch sees there. It takes seconds, so none of these ids is on offer by default: they are named by
--device or in pyproject.toml.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import accelbench
from accelbench import asking
from accelbench.devices.kind import DeviceKind, Found, Unavailable
from accelbench.interpreter import DeviceConfig

MARK = "accelbench-torch-probe "
"""What stands before the answer, on its line."""


@dataclass(frozen=True)
class Platform:
    """A platform's `package`, which brings it to a torch that lacks it, and its `variable`.

    The variable limits which devices a process sees: a list of numbers.
    """

    package: str = ""
    variable: str = ""


# Gaudi's module ids (those of HABANA_VISIBLE_DEVICES are a container's) and Ascend's are documented
# by their makers; the names for xpu, mlu and musa are in use elsewhere and were not tried.
PLATFORMS = {
    "hpu": Platform("habana_frameworks.torch", "HABANA_VISIBLE_MODULES"),
    "mlu": Platform("torch_mlu", "MLU_VISIBLE_DEVICES"),
    "mps": Platform(),
    "musa": Platform("torch_musa", "MUSA_VISIBLE_DEVICES"),
    "npu": Platform("torch_npu", "ASCEND_RT_VISIBLE_DEVICES"),
    "xpu": Platform("intel_extension_for_pytorch", "ZE_AFFINITY_MASK"),
}


@dataclass(frozen=True)
class Seen:
    """What torch says of a platform's devices, and what limits it; None is what it cannot say."""

    names: tuple[str | None, ...]
    memory_bytes: tuple[int | None, ...]
    visible: str | None


def find(device: str, config: DeviceConfig) -> Found | Unavailable:
    """Find N devices of a platform, as torch in the device's interpreter sees them."""
    name, _, number = device.partition("-")
    replicas = int(number or 1)
    seen = _ask(name, config)
    if isinstance(seen, str):
        return Unavailable(device, seen)
    there = len(seen.names)
    if there < replicas:
        return Unavailable(device, f"it needs {replicas} {name} devices, torch sees {there}")
    variable = PLATFORMS[name].variable
    # Where the variable is set already, its entries are the devices' names for it.
    given = [each.strip() for each in (seen.visible or "").split(",") if each.strip()]
    units = given or [str(index) for index in range(there)]
    if len(units) != there:
        said = f"{variable}={seen.visible} names {len(units)} devices, torch sees {there}"
        return Unavailable(device, f"{said}: name each by its number")
    known = [size for size in seen.memory_bytes if size]
    return Found(
        device,
        " + ".join(sorted({model for model in seen.names if model})) or name,
        units=tuple(f"{name}:{unit}" for unit in units),
        facts=(("device_memory_bytes", str(min(known))),) if known else (),
        count=replicas,
        replicas=replicas,
        platform=name,
        visibility=variable,
    )


@lru_cache(maxsize=64)  # `cache` is missing where the oldest worker looks for its device
def _ask(name: str, config: DeviceConfig) -> Seen | str:
    """Return what torch says of a platform, or in one line why there is no such device.

    Asked once for each platform and interpreter: xpu-1 and xpu-2 share an answer.
    """
    platform = PLATFORMS[name]
    probe = Path(accelbench.__file__).parent / "workers" / "torch_probe.py"
    source = probe.read_text(encoding="utf-8")
    arguments = (name, platform.package, platform.variable)
    answer = asking.ask(config, source, arguments, MARK, "what torch sees")
    if isinstance(answer, str):
        return answer
    if "reason" in answer:
        return str(answer["reason"])
    names = cast("list[str | None]", answer["names"])
    sizes = cast("list[int | None]", answer["memory_bytes"])
    return Seen(tuple(names), tuple(sizes), cast("str | None", answer["visible"]))


KIND = DeviceKind(
    "accelerator",
    ids=(),
    pattern=r"(xpu|hpu|npu|mlu|musa)(-[1-9]\d*)?|mps",
    find=find,
)
