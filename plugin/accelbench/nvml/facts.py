"""What of GPUs belongs into a run's treatment: how they are set, and how they were at its start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from accelbench.nvml.library import Handle, NvmlError, opened, told
from accelbench.nvml.owners import owner
from accelbench.records import AT_START

if TYPE_CHECKING:
    from accelbench.records import Scalar

    Facts = tuple[tuple[str, Scalar], ...]
    Found = Iterator[tuple[str, Scalar | None]]


def facts(uuids: Sequence[str]) -> Facts:
    """Return what NVML tells of these GPUs now; of several, the different values in their order.

    What it does not tell is left out; nothing, where NVML cannot be used. MHz, W and degrees
    Celsius, by the names. What moves by itself is named at_start_.
    """
    try:
        with opened() as nvml:
            each = [dict(_of(nvml, uuid)) for uuid in uuids]
            whole = dict(_of_driver(nvml))
    except NvmlError:
        return ()
    names = sorted({name for found in each for name in found})
    joined = {name: _join([found.get(name) for found in each]) for name in names}
    return tuple((k, v) for k, v in sorted({**whole, **joined}.items()) if v is not None)


def _join(values: list[Scalar | None]) -> Scalar | None:
    """Return the one value that all have, else the different ones as a text."""
    known = list(dict.fromkeys(value for value in values if value is not None))
    if len(known) < 2:
        return known[0] if known else None
    return ", ".join(map(str, known))


def _of_driver(nvml: ModuleType) -> Found:
    yield "gpu_driver", told(nvml, "nvmlSystemGetDriverVersion")
    version = told(nvml, "nvmlSystemGetCudaDriverVersion_v2")
    # 13000 is CUDA 13.0, 12080 is 12.8.
    yield (
        "gpu_cuda_driver",
        None if version is None else f"{version // 1000}.{version % 1000 // 10}",
    )


def _of(nvml: ModuleType, uuid: str) -> Found:
    """Yield one GPU's facts. Of a MIG instance most are those of the GPU that it is a part of."""
    unit = nvml.nvmlDeviceGetHandleByUUID(uuid)
    card = unit
    if uuid.startswith("MIG-"):
        card = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(unit)
    yield "gpu_model", told(nvml, "nvmlDeviceGetName", unit)
    yield "gpu_uuid", uuid
    yield AT_START + "gpu_owner", owner(nvml, unit)
    yield from _settings(nvml, card)
    yield from _readings(nvml, card)


def _settings(nvml: ModuleType, card: Handle) -> Found:
    yield "gpu_ecc", _switch(told(nvml, "nvmlDeviceGetEccMode", card))
    yield "gpu_mig", _switch(told(nvml, "nvmlDeviceGetMigMode", card))
    mode = told(nvml, "nvmlDeviceGetComputeMode", card)
    yield "gpu_compute_mode", _COMPUTE_MODES.get(-1 if mode is None else mode)
    yield from _clocks("gpu_max", "nvmlDeviceGetMaxClockInfo", nvml, card)
    yield from _clocks("gpu_application", "nvmlDeviceGetApplicationsClock", nvml, card)
    yield "gpu_power_limit_watts", _watts(told(nvml, "nvmlDeviceGetEnforcedPowerLimit", card))
    yield "gpu_pcie_width", told(nvml, "nvmlDeviceGetCurrPcieLinkWidth", card)
    yield "gpu_pcie_width_max", told(nvml, "nvmlDeviceGetMaxPcieLinkWidth", card)
    yield "gpu_pcie_generation_max", told(nvml, "nvmlDeviceGetMaxPcieLinkGeneration", card)


def _readings(nvml: ModuleType, card: Handle) -> Found:
    """Yield what changes with the load: the link, too, is slower while nothing is to be done."""
    sensor = nvml.NVML_TEMPERATURE_GPU
    temperature = told(nvml, "nvmlDeviceGetTemperatureV", card, sensor)
    if temperature is None:  # older drivers know the older name only
        temperature = told(nvml, "nvmlDeviceGetTemperature", card, sensor)
    yield AT_START + "gpu_temperature_celsius", temperature
    yield AT_START + "gpu_power_watts", _watts(told(nvml, "nvmlDeviceGetPowerUsage", card))
    generation = told(nvml, "nvmlDeviceGetCurrPcieLinkGeneration", card)
    yield AT_START + "gpu_pcie_generation", generation
    yield from _clocks(AT_START + "gpu", "nvmlDeviceGetClockInfo", nvml, card)
    yield AT_START + "gpu_clocks_held_by", _throttle(nvml, card)


_COMPUTE_MODES = {0: "default", 2: "prohibited", 3: "exclusive process"}


def _switch(mode: Sequence[int] | None) -> str | None:
    """Return a mode that NVML tells as the current and the pending one."""
    return None if mode is None else ("on" if mode[0] else "off")


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def _clocks(prefix: str, name: str, nvml: ModuleType, card: Handle) -> Found:
    yield f"{prefix}_sm_mhz", told(nvml, name, card, nvml.NVML_CLOCK_SM)
    yield f"{prefix}_memory_mhz", told(nvml, name, card, nvml.NVML_CLOCK_MEM)


_REASONS = (
    "GpuIdle",
    "ApplicationsClocksSetting",
    "SwPowerCap",
    "HwSlowdown",
    "SyncBoost",
    "SwThermalSlowdown",
    "HwThermalSlowdown",
    "HwPowerBrakeSlowdown",
    "DisplayClockSetting",
)


def _throttle(nvml: ModuleType, card: Handle) -> str | None:
    """Return why the clocks are not higher, in NVML's words; older drivers know the older name."""
    bits = told(nvml, "nvmlDeviceGetCurrentClocksEventReasons", card)
    if bits is None:
        bits = told(nvml, "nvmlDeviceGetCurrentClocksThrottleReasons", card)
    if bits is None:
        return None
    words = [name for name in _REASONS if bits & getattr(nvml, f"nvmlClocksEventReason{name}", 0)]
    return " + ".join(words) or "nothing"
