"""The GPUs that this process may use: what a run can hold, and what is left out and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType

from accelbench.nvml import visible as env_rules
from accelbench.nvml.library import Handle, NvmlError, opened, told
from accelbench.nvml.owners import owner


@dataclass(frozen=True)
class Gpu:
    """A GPU, or an instance of one in MIG mode: what CUDA_VISIBLE_DEVICES can name alone.

    `model`: its name and memory, as "NVIDIA H200 143771 MiB". `owner`: who else uses it.
    """

    uuid: str
    model: str
    owner: str

    @property
    def instance(self) -> bool:
        """Whether it is a MIG instance: a part of a GPU that cannot train together with others."""
        return self.uuid.startswith("MIG-")


@dataclass(frozen=True)
class Visible:
    """The GPUs that may be used, in CUDA's order, and a text for each reason to leave some out."""

    gpus: tuple[Gpu, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Card:
    """One physical GPU; its units are itself, or its instances in MIG mode."""

    uuid: str
    units: tuple[Gpu, ...]
    complaint: str = ""


def visible(environment: Mapping[str, str]) -> Visible:
    """Return the GPUs that a process with this environment may use.

    NvmlError where NVML cannot be used, or where numbers in CUDA_VISIBLE_DEVICES may mean one GPU
    or another: CUDA counts the fastest model first, NVML by the bus.
    """
    with opened() as nvml:
        cards = list(_cards(nvml))
    left_out = [card.complaint for card in cards if card.complaint]
    cards = [card for card in cards if card.uuid]
    limit = environment.get(env_rules.CONTAINER)
    if limit is not None:
        places = env_rules.left_in_container(limit, [card.uuid for card in cards])
        left_out += _hidden(env_rules.CONTAINER, limit, len(cards) - len(places))
        cards = [cards[place] for place in places]
    units = tuple(unit for card in cards for unit in card.units)
    text = environment.get(env_rules.CUDA)
    if text is None:
        return Visible(units, tuple(left_out))
    named = _named(text, cards, environment)
    left_out += _hidden(env_rules.CUDA, text, len(units) - len(named))
    return Visible(named, tuple(left_out))


def _hidden(variable: str, value: str, count: int) -> list[str]:
    return [f"{variable}={value!r} hides {count}"] if count else []


def _named(text: str, cards: list[_Card], environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return what CUDA_VISIBLE_DEVICES names; a GPU in MIG mode stands for all its instances."""
    units = [unit for card in cards for unit in card.units]
    if text.startswith("MIG-"):
        return tuple(units[p] for p in env_rules.chosen(text, [unit.uuid for unit in units]))
    places = env_rules.chosen(text, [card.uuid for card in cards])
    in_bus_order = environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    if env_rules.by_number(text) and not in_bus_order and 0 < len(places) < len(cards):
        models = sorted({unit.model for unit in units})
        if len(models) > 1:
            raise NvmlError(
                f"{env_rules.CUDA}={text!r} may mean any of {', '.join(models)}: "
                "name UUIDs in it, or set CUDA_DEVICE_ORDER=PCI_BUS_ID"
            )
    return tuple(unit for place in places for unit in cards[place].units)


def _cards(nvml: ModuleType) -> Iterator[_Card]:
    """Yield all GPUs in NVML's order; one that CUDA does not count either has no UUID."""
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = nvml.nvmlDeviceGetUUID(handle)
        except nvml.NVMLError as error:
            yield _Card("", (), f"GPU {index}: {error}")
            continue
        mode = told(nvml, "nvmlDeviceGetMigMode", handle)
        mig = mode is not None and mode[0] == nvml.NVML_DEVICE_MIG_ENABLE
        if told(nvml, "nvmlDeviceGetComputeMode", handle) == nvml.NVML_COMPUTEMODE_PROHIBITED:
            yield _Card(uuid, (), f"GPU {index}: its compute mode prohibits computing")
        elif mig:
            units = tuple(_unit(nvml, each) for each in _instances(nvml, handle))
            yield _Card(uuid, units, "" if units else f"GPU {index}: MIG mode without an instance")
        else:
            yield _Card(uuid, (_unit(nvml, handle),))


def _instances(nvml: ModuleType, handle: Handle) -> Iterator[Handle]:
    """Yield the MIG instances of a GPU; their numbers may have gaps."""
    for index in range(told(nvml, "nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        instance = told(nvml, "nvmlDeviceGetMigDeviceHandleByIndex", handle, index)
        if instance is not None:
            yield instance


def _unit(nvml: ModuleType, handle: Handle) -> Gpu:
    memory = told(nvml, "nvmlDeviceGetMemoryInfo", handle)
    size = f" {memory.total // 2**20} MiB" if memory is not None else ""
    name = nvml.nvmlDeviceGetName(handle)
    return Gpu(nvml.nvmlDeviceGetUUID(handle), name + size, owner(nvml, handle))
