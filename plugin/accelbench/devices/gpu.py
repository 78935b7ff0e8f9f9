"""gpu-N: data-parallel training over N NVIDIA GPUs of one host, which NVML finds."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from accelbench import nvml
from accelbench.devices.kind import DeviceConfig, DeviceKind, Found, Unavailable
from accelbench.nvml.visible import CUDA
from accelbench.records import AT_START

if TYPE_CHECKING:
    from accelbench.records import Scalar

    Note = tuple[str, str]

AMD = Path("/dev/kfd")


def find(device: str, config: DeviceConfig) -> Found | Unavailable:
    """Find N GPUs of one model, those first that nobody is seen to use.

    Units are all visible GPUs of the model that is there most often. MIG instances serve gpu-1
    alone: NCCL takes two of them for one GPU, and CUDA shows a process only one.
    """
    if shutil.which(config.command[0]) is None:
        return Unavailable(device, f"its interpreter {config.command[0]} does not exist")
    try:
        visible = nvml.visible({**os.environ, **dict(config.env)})
    except nvml.NvmlError as error:
        return Unavailable(device, f"no NVIDIA GPU can be used: {error}{_amd()}")
    wanted = int(device.partition("-")[2])
    fit = [gpu for gpu in visible.gpus if wanted == 1 or not gpu.instance]
    models = Counter(gpu.model for gpu in fit)
    # Of equally many the first in CUDA's order, as Counter keeps it.
    model, count = models.most_common(1)[0] if models else ("", 0)
    if count < wanted:
        return Unavailable(device, _shortage(device, wanted, visible) + _amd())
    chosen = sorted((gpu for gpu in fit if gpu.model == model), key=_busyness)
    return Found(
        device,
        model,
        units=tuple(f"gpu:{gpu.uuid}" for gpu in chosen),
        facts=_notes(visible, model, chosen),
        count=wanted,
        replicas=wanted,
        platform="cuda",
        visibility=CUDA,
    )


def _busyness(gpu: nvml.Gpu) -> int:
    """Return 0 for a GPU that is free, 1 where that is unknown, 2 where somebody is seen on it."""
    return {"free": 0, "unknown": 1}.get(gpu.owner.partition(" ")[0], 2)


def _notes(
    visible: nvml.Visible, model: str, chosen: list[nvml.Gpu]
) -> tuple[tuple[str, str], ...]:
    """Return who was on the GPUs when they were found, and which other models were passed over."""
    owners = Counter(gpu.owner for gpu in chosen)
    told = chosen[0].owner
    if len(owners) > 1:
        told = "; ".join(f"{gpu.uuid}: {gpu.owner}" for gpu in chosen)
    others = Counter(gpu.model for gpu in visible.gpus if gpu.model != model)
    passed = (("gpus_passed_over", _listed(others)),) if others else ()
    return ((AT_START + "of_session_gpu_owner", told), *passed)


def _shortage(device: str, wanted: int, visible: nvml.Visible) -> str:
    models = Counter(gpu.model for gpu in visible.gpus)
    needs = "1 GPU" if wanted == 1 else f"{wanted} GPUs of one model"
    if wanted > 1 and any(gpu.instance for gpu in visible.gpus):
        needs = f"{wanted} whole GPUs of one model"
    there = f"{_listed(models)} visible" if models else "none is visible"
    return "; ".join((f"{device} needs {needs}, {there}", *visible.left_out))


def _listed(models: Counter[str]) -> str:
    return ", ".join(f"{count} x {model}" for model, count in models.items())


def _amd() -> str:
    return f" (an AMD driver is loaded, {AMD}, but gpu-N is NVIDIA's only)" if AMD.exists() else ""


def facts(units: tuple[str, ...]) -> tuple[tuple[str, Scalar], ...]:
    """Return what NVML tells of held units now, for the treatment of the run that holds them."""
    return nvml.facts([unit.partition(":")[2] for unit in units])


KIND = DeviceKind(
    "gpu",
    ids=("gpu-1", "gpu-2", "gpu-4", "gpu-8"),
    pattern=r"gpu-[1-9]\d*",
    find=find,
    group="gpu",
    facts=facts,
)
