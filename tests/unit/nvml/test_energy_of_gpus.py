"""The energy of GPUs, from pretended counters and sensors that move with real time."""

from __future__ import annotations

import builtins
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pynvml
import pytest

from accelbench.workers import energy_nvml
from accelbench.workers.energy import EnergyMeter, open_meter

Plug = Callable[..., Any]
Refuse = Callable[[int], Exception]

A, B = {"CUDA_VISIBLE_DEVICES": "GPU-a"}, {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}


def counter(watts: float, update_seconds: float) -> Callable[[], int]:
    """Return a counter in mJ that moves once in `update_seconds`, as NVML's does."""

    def read() -> int:
        updates = int(time.perf_counter() / update_seconds)
        return int(updates * update_seconds * watts * 1000)

    return read


class Bounds:
    """A window, and between which energies a perfect gauge's answer for it lies."""

    def __init__(self, meter: EnergyMeter) -> None:
        self.meter = meter
        self.least = self.most = 0.0

    def measure(self, watts: float, seconds: float) -> None:
        outer = time.perf_counter()
        self.meter.open()
        inner = time.perf_counter()
        time.sleep(seconds)
        self.least += watts * (time.perf_counter() - inner)
        self.meter.close()
        self.most += watts * (time.perf_counter() - outer)


def test_the_counters_of_all_gpus_are_added_up_over_the_windows(plug: Plug) -> None:
    plug(
        {"uuid": "GPU-a", "energy": counter(400, 0.002)},
        {"uuid": "GPU-b", "energy": counter(100, 0.002)},
    )
    bounds = Bounds(open_meter("cuda", B))
    for _ in range(3):
        bounds.measure(500, 0.4)
        time.sleep(0.1)
    bounds.meter.finish()
    assert bounds.meter.source == "nvml counter"
    assert bounds.meter.reason == ""
    assert bounds.meter.joules is not None
    edge = 3 * 500 * 0.002 + 0.01
    assert bounds.least - edge <= bounds.meter.joules <= bounds.most + edge


def test_only_what_the_worker_may_see_is_measured(plug: Plug) -> None:
    plug(
        {"uuid": "GPU-a", "energy": counter(100, 0.002)},
        {"uuid": "GPU-b", "energy": counter(9000, 0.002)},
    )
    for names in ("GPU-a", "0"):
        bounds = Bounds(open_meter("cuda", {"CUDA_VISIBLE_DEVICES": names}))
        bounds.measure(100, 0.4)
        bounds.meter.finish()
        assert bounds.meter.joules is not None
        assert bounds.least - 1 <= bounds.meter.joules <= bounds.most + 1


def test_windows_shorter_than_ten_updates_have_no_energy_and_say_so(plug: Plug) -> None:
    plug({"uuid": "GPU-a", "energy": counter(400, 0.05)})
    meter = open_meter("cuda", A)
    for _ in range(20):
        meter.open()
        time.sleep(0.01)
        meter.close()
    meter.finish()
    assert meter.joules is None
    assert meter.source == ""
    assert re.match(
        r"windows of 0\.\d+ s are too short for what moves every 0\.\d+ s", meter.reason
    )


def test_a_counter_that_stands_still_is_no_measurement(plug: Plug) -> None:
    plug({"uuid": "GPU-a", "energy": 7})
    bounds = Bounds(open_meter("cuda", A))
    bounds.measure(0, 0.01)
    bounds.meter.finish()
    assert bounds.meter.joules is None
    assert bounds.meter.reason == "NVML's energy counter does not move in 0.5 s"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy_nvml, "SAMPLE_SECONDS", 0.01)


@pytest.mark.usefixtures("quick")
def test_without_a_counter_power_is_sampled_and_named_so(plug: Plug, refuse: Refuse) -> None:
    threads: list[threading.Thread] = []

    def power() -> int:
        threads.append(threading.current_thread())
        return 300_000

    no = refuse(pynvml.NVML_ERROR_NOT_SUPPORTED)
    plug(
        {"uuid": "GPU-a", "energy": no, "instant_power": power},
        {"uuid": "GPU-b", "instant_power": 200_000},
    )
    bounds = Bounds(open_meter("cuda", B))
    for _ in range(2):
        bounds.measure(500, 0.3)
        time.sleep(0.1)
    bounds.meter.finish()
    assert bounds.meter.source == "nvml power sampled every 0.01 s"
    assert bounds.meter.joules is not None
    assert bounds.least <= bounds.meter.joules <= bounds.most
    others = set(threads) - {threading.main_thread()}
    assert len(others) == 2
    assert not any(thread.is_alive() for thread in others)


def test_the_energy_of_samples_is_the_area_under_straight_lines() -> None:
    watts = iter([0.0, 100.0, 300.0])
    gauge = energy_nvml.PowerGauge([lambda: next(watts)], "power", lambda: None)
    outer = time.perf_counter()
    gauge.begin()
    inner = time.perf_counter()
    time.sleep(0.02)
    least = 200 * (time.perf_counter() - inner)
    assert least <= gauge.end() <= 200 * (time.perf_counter() - outer)


@pytest.mark.usefixtures("quick")
def test_an_averaged_power_needs_windows_of_many_seconds(plug: Plug, refuse: Refuse) -> None:
    no = refuse(pynvml.NVML_ERROR_NOT_SUPPORTED)
    plug({"uuid": "GPU-a", "energy": no, "instant_power": no, "power": 100_000})
    bounds = Bounds(open_meter("cuda", A))
    bounds.measure(100, 0.15)
    bounds.meter.finish()
    assert bounds.meter.joules is None
    assert "an epoch must take 10.00 s" in bounds.meter.reason


def test_all_gpus_are_measured_in_the_same_way(plug: Plug, refuse: Refuse) -> None:
    no = refuse(pynvml.NVML_ERROR_NOT_SUPPORTED)
    plug({"uuid": "GPU-a", "energy": counter(1, 0.001)}, {"uuid": "GPU-b", "energy": no})
    meter = open_meter("cuda", B)
    meter.open()
    time.sleep(1.1)
    meter.close()
    meter.finish()
    assert meter.source == "nvml power sampled every 0.1 s"


def test_a_gpu_lost_in_a_window_costs_its_energy_and_nothing_else(
    plug: Plug, refuse: Refuse
) -> None:
    library = plug({"uuid": "GPU-a", "energy": counter(100, 0.001)})
    meter = open_meter("cuda", A)
    meter.open()
    library.boards[0]["energy"] = refuse(pynvml.NVML_ERROR_GPU_IS_LOST)
    for _ in range(2):
        meter.close()
        meter.open()
    meter.finish()
    assert meter.joules is None
    assert meter.reason == "nvmlDeviceGetTotalEnergyConsumption says: GPU is lost"


@pytest.mark.usefixtures("quick")
def test_a_sensor_lost_while_the_thread_samples_is_told(plug: Plug, refuse: Refuse) -> None:
    no, lost = refuse(pynvml.NVML_ERROR_NOT_SUPPORTED), refuse(pynvml.NVML_ERROR_GPU_IS_LOST)
    library = plug({"uuid": "GPU-a", "energy": no})
    meter = open_meter("cuda", A)
    meter.open()
    library.boards[0]["instant_power"] = lost
    time.sleep(0.1)
    library.boards[0]["instant_power"] = 100_000
    meter.close()
    meter.finish()
    assert meter.reason == "power says: GPU is lost"


def test_a_mig_instance_has_no_sensor_of_its_own(plug: Plug) -> None:
    plug({"mig_mode": (1, 1), "instances": [{"uuid": "MIG-1", "name": "NVIDIA", "slot": 0}]})
    meter = open_meter("cuda", {"CUDA_VISIBLE_DEVICES": "MIG-1"})
    assert meter.joules is None
    assert meter.reason == (
        "the GPU tells neither energy nor power: "
        "nvmlDeviceGetTotalEnergyConsumption says: Not Supported"
    )


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({}, "CUDA_VISIBLE_DEVICES does not say which GPUs this run has"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-"}, "CUDA_VISIBLE_DEVICES='GPU-' names a GPU that NVML"),
        ({"CUDA_VISIBLE_DEVICES": "0,5"}, "CUDA_VISIBLE_DEVICES='0,5' names a GPU that NVML"),
        ({"CUDA_VISIBLE_DEVICES": "MIG-9"}, "nvmlDeviceGetHandleByUUID says: Not Found"),
    ],
)
def test_what_is_not_clear_is_not_measured(plug: Plug, env: dict[str, str], reason: str) -> None:
    plug({"uuid": "GPU-a"}, {"uuid": "GPU-b"})
    meter = open_meter("cuda", env)
    meter.open()
    meter.close()
    meter.finish()
    assert meter.joules is None
    assert meter.reason.startswith(reason)


def test_without_a_driver_training_goes_on_without_energy(plug: Plug) -> None:
    plug(init=pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
    meter = open_meter("cuda", A)
    assert meter.joules is None
    assert meter.reason == "nvmlInit says: Driver Not Loaded"


def test_a_worker_without_the_binding_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "pynvml":
            raise ImportError(name)
        return whole(name, *rest)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(builtins, "__import__", without)
    assert open_meter("cuda", A).reason == (
        "the worker's interpreter has no nvidia-ml-py: python -m pip install nvidia-ml-py"
    )
