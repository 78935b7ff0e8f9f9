"""Pretend GPUs: a libnvidia-ml in Python, below NVIDIA's real binding.

The binding finds it where it would load the shared library. So names, errors, conversions and
structures are the real ones; only what the GPUs answer is made up, function by function, by the
signatures in NVIDIA's nvml.h.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from accelbench.nvml import owners

Plug = Callable[..., "Library"]

# What ctypes hands to a C function (a value, a reference, a buffer), and what a board answers.
Cell = Any

BOARD: dict[str, Any] = {
    "uuid": "GPU-00000000-aaaa",
    "name": "NVIDIA H200",
    "total": 143771 * 2**20,
    "used": 0,
    "pids": [],
    "mig_mode": (0, 0),
    "instances": [],
    "ecc": (1, 1),
    "compute_mode": 0,
    "max_clocks": {1: 1980, 2: 3201},
    "application_clocks": {1: 1830, 2: 3201},
    "clocks": {1: 345, 2: 3201},
    "power_limit": 700_000,
    "power": 76_500,
    "instant_power": 75_500,
    "energy": 1_000_000,
    "temperature": 31,
    "pcie_width": 16,
    "pcie_width_max": 16,
    "pcie_generation": 1,
    "pcie_generation_max": 5,
    "reasons": 0x1,
    "fault": 0,
}

NUMBERS = {
    "nvmlDeviceGetComputeMode": "compute_mode",
    "nvmlDeviceGetEnforcedPowerLimit": "power_limit",
    "nvmlDeviceGetPowerUsage": "power",
    "nvmlDeviceGetTotalEnergyConsumption": "energy",
    "nvmlDeviceGetCurrPcieLinkWidth": "pcie_width",
    "nvmlDeviceGetMaxPcieLinkWidth": "pcie_width_max",
    "nvmlDeviceGetCurrPcieLinkGeneration": "pcie_generation",
    "nvmlDeviceGetMaxPcieLinkGeneration": "pcie_generation_max",
    "nvmlDeviceGetCurrentClocksEventReasons": "reasons",
}
CLOCKS = {
    "nvmlDeviceGetMaxClockInfo": "max_clocks",
    "nvmlDeviceGetApplicationsClock": "application_clocks",
    "nvmlDeviceGetClockInfo": "clocks",
}
MODES = {"nvmlDeviceGetEccMode": "ecc", "nvmlDeviceGetMigMode": "mig_mode"}
TEXTS = {"nvmlDeviceGetName": "name", "nvmlDeviceGetUUID": "uuid"}


class RefusedError(Exception):
    """One of NVML's error codes, as a board's answer."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Library(SimpleNamespace):
    """A libnvidia-ml with these boards; `opened` counts what nvmlShutdown has not closed yet."""

    def __init__(self, boards: list[dict[str, Any]], init: int) -> None:
        super().__init__()
        self.boards = boards
        for instance in (each for board in boards for each in board["instances"]):
            instance.setdefault("used", 0)
        self.opened = 0
        self.init = init
        # A handle is a pointer: here a number, from 1 on, of a board or of one of its instances.
        self.handles = [*boards, *(each for board in boards for each in board["instances"])]
        self._define()

    def _define(self) -> None:
        self.nvmlInitWithFlags = self._init
        self.nvmlShutdown = self._shutdown
        self.nvmlSystemGetDriverVersion = lambda text, _: _write(text, "580.159.04")
        self.nvmlSystemGetCudaDriverVersion_v2 = lambda out: _set(out, 13000)
        self.nvmlDeviceGetCount_v2 = lambda out: _set(out, len(self.boards))
        self.nvmlDeviceGetHandleByIndex_v2 = self._by_index
        self.nvmlDeviceGetHandleByUUID = self._by_uuid
        self.nvmlDeviceGetMemoryInfo = self._memory
        self.nvmlDeviceGetMemoryInfo_v2 = self._memory
        self.nvmlDeviceGetComputeRunningProcesses_v3 = self._processes
        self.nvmlDeviceGetFieldValues = self._field
        self.nvmlDeviceGetTemperature = lambda h, _, out: self._number(h, "temperature", out)
        self.nvmlDeviceGetMaxMigDeviceCount = lambda _, out: _set(out, 7)
        self.nvmlDeviceGetMigDeviceHandleByIndex = self._instance
        self.nvmlDeviceGetDeviceHandleFromMigDeviceHandle = self._parent
        for name, field in NUMBERS.items():
            setattr(self, name, lambda h, out, field=field: self._number(h, field, out))
        for name, field in CLOCKS.items():
            setattr(self, name, lambda h, t, out, field=field: self._clock(h, field, t, out))
        for name, field in MODES.items():
            setattr(self, name, lambda h, now, then, field=field: self._mode(h, field, now, then))
        for name, field in TEXTS.items():
            setattr(self, name, lambda h, text, _, field=field: self._text(h, field, text))

    def _init(self, _flags: int) -> int:
        self.opened += self.init == 0
        return self.init

    def _shutdown(self) -> int:
        self.opened -= 1
        return 0

    def _ask(self, handle: Cell, field: str) -> Cell:
        """Return what a board answers; an answer may be made when asked for."""
        unknown = RefusedError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        answer = self.handles[_number(handle) - 1].get(field, unknown)
        found = answer() if callable(answer) else answer
        if isinstance(found, RefusedError):
            raise found
        return found

    def _number(self, handle: Cell, field: str, out: Cell) -> int:
        try:
            return _set(out, self._ask(handle, field))
        except RefusedError as refusal:
            return refusal.code

    def _clock(self, handle: Cell, field: str, kind: Cell, out: Cell) -> int:
        try:
            return _set(out, self._ask(handle, field)[kind.value])
        except RefusedError as refusal:
            return refusal.code

    def _mode(self, handle: Cell, field: str, now: Cell, then: Cell) -> int:
        try:
            modes = self._ask(handle, field)
        except RefusedError as refusal:
            return refusal.code
        return _set(now, modes[0]) or _set(then, modes[1])

    def _text(self, handle: Cell, field: str, text: Cell) -> int:
        return _write(text, self._ask(handle, field))

    def _by_index(self, index: Cell, out: Cell) -> int:
        return int(self.boards[index.value]["fault"]) or _point(out, index.value + 1)

    def _by_uuid(self, uuid: Cell, out: Cell) -> int:
        for number, each in enumerate(self.handles, 1):
            if each["uuid"].encode() == uuid.value:
                return _point(out, number)
        return int(pynvml.NVML_ERROR_NOT_FOUND)

    def _instance(self, handle: Cell, index: Cell, out: Cell) -> int:
        instances = self._ask(handle, "instances")
        places = {each["slot"]: each for each in instances}
        if index.value not in places:
            return int(pynvml.NVML_ERROR_NOT_FOUND)
        return _point(out, self.handles.index(places[index.value]) + 1)

    def _parent(self, handle: Cell, out: Cell) -> int:
        instance = self.handles[_number(handle) - 1]
        for number, board in enumerate(self.boards, 1):
            if instance in board["instances"]:
                return _point(out, number)
        return int(pynvml.NVML_ERROR_INVALID_ARGUMENT)

    def _memory(self, handle: Cell, out: Cell) -> int:
        try:
            out._obj.total, out._obj.used = self._ask(handle, "total"), self._ask(handle, "used")
        except RefusedError as refusal:
            return refusal.code
        return 0

    def _processes(self, handle: Cell, count: Cell, array: Cell) -> int:
        try:
            pids = self._ask(handle, "pids")
        except RefusedError as refusal:
            return refusal.code
        _set(count, len(pids))
        if pids and array is None:
            return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE)
        for place, pid in enumerate(pids):
            array[place].pid = pid
        return 0

    def _field(self, handle: Cell, count: Cell, out: Cell) -> int:
        assert count.value == 1
        (field,) = out._obj
        assert field.fieldId == pynvml.NVML_FI_DEV_POWER_INSTANT
        try:
            field.value.uiVal = self._ask(handle, "instant_power")
        except RefusedError as refusal:
            field.nvmlReturn = refusal.code
        return 0


def _set(out: Cell, value: int) -> int:
    out._obj.value = value
    return 0


def _write(text: Cell, value: str) -> int:
    text.value = value.encode()
    return 0


def _point(out: Cell, number: int) -> int:
    ctypes.memmove(out, ctypes.byref(ctypes.c_void_p(number)), ctypes.sizeof(ctypes.c_void_p))
    return 0


def _number(handle: Cell) -> int:
    return int(ctypes.cast(handle, ctypes.c_void_p).value or 0)


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plug]:
    """Plug boards in: `plug({"uuid": "GPU-1"}, {}, init=0)`; what is not said is an H200's."""
    for name in ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(name, raising=False)
    libraries: list[Library] = []

    def plug(*boards: dict[str, Any], init: int = 0) -> Library:
        for board in boards:
            assert not set(board) - set(BOARD), "no such answer"
        library = Library([{**BOARD, **board} for board in boards], init)
        monkeypatch.setattr(pynvml, "nvmlLib", library)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        libraries.append(library)
        return library

    yield plug
    assert [library.opened for library in libraries] == [0] * len(libraries), "NVML left open"


@pytest.fixture
def refuse() -> Callable[[int], RefusedError]:
    """An answer that is one of NVML's errors: `refuse(pynvml.NVML_ERROR_NOT_SUPPORTED)`."""
    return RefusedError


@pytest.fixture
def on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """As outside of any container: the processes that NVML names are to be seen."""
    monkeypatch.setattr(owners, "_sees_all_processes", lambda: True)


@pytest.fixture
def in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, whose process ids are its own."""
    monkeypatch.setattr(owners, "_sees_all_processes", lambda: False)
