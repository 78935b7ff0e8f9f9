"""What is told of GPUs for a run's treatment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml
import pytest

from accelbench.nvml import facts

Plug = Callable[..., Any]
Refuse = Callable[[int], Exception]

UUID = "GPU-00000000-aaaa"

pytestmark = pytest.mark.usefixtures("on_the_host")


def test_settings_have_plain_names_and_readings_begin_with_at_start(plug: Plug) -> None:
    plug({})
    assert dict(facts([UUID])) == {
        "gpu_driver": "580.159.04",
        "gpu_cuda_driver": "13.0",
        "gpu_model": "NVIDIA H200",
        "gpu_uuid": UUID,
        "gpu_ecc": "on",
        "gpu_mig": "off",
        "gpu_compute_mode": "default",
        "gpu_max_sm_mhz": 1980,
        "gpu_max_memory_mhz": 3201,
        "gpu_application_sm_mhz": 1830,
        "gpu_application_memory_mhz": 3201,
        "gpu_power_limit_watts": 700.0,
        "gpu_pcie_width": 16,
        "gpu_pcie_width_max": 16,
        "gpu_pcie_generation_max": 5,
        "at_start_gpu_owner": "free",
        "at_start_gpu_temperature_celsius": 31,
        "at_start_gpu_power_watts": 76.5,
        "at_start_gpu_pcie_generation": 1,
        "at_start_gpu_sm_mhz": 345,
        "at_start_gpu_memory_mhz": 3201,
        "at_start_gpu_clocks_held_by": "GpuIdle",
    }


def test_what_nvml_does_not_tell_is_left_out(plug: Plug, refuse: Refuse) -> None:
    refusal = refuse(pynvml.NVML_ERROR_NOT_SUPPORTED)
    silent = ("ecc", "mig_mode", "application_clocks", "power_limit", "power", "temperature")
    plug(dict.fromkeys((*silent, "pcie_width", "pcie_generation", "reasons"), refusal))
    found = dict(facts([UUID]))
    assert found["gpu_model"] == "NVIDIA H200"
    assert not {
        "gpu_ecc",
        "gpu_mig",
        "gpu_application_sm_mhz",
        "gpu_power_limit_watts",
        "gpu_pcie_width",
        "at_start_gpu_power_watts",
        "at_start_gpu_temperature_celsius",
        "at_start_gpu_clocks_held_by",
    } & set(found)


def test_several_gpus_tell_one_value_or_the_different_ones(plug: Plug) -> None:
    plug({}, {"uuid": "GPU-b", "temperature": 40, "ecc": (0, 1), "clocks": {1: 1980, 2: 3201}})
    found = dict(facts([UUID, "GPU-b"]))
    assert found["gpu_uuid"] == f"{UUID}, GPU-b"
    assert found["gpu_model"] == "NVIDIA H200"
    assert found["gpu_max_sm_mhz"] == 1980
    assert found["gpu_ecc"] == "on, off"
    assert found["at_start_gpu_temperature_celsius"] == "31, 40"
    assert found["at_start_gpu_sm_mhz"] == "345, 1980"


@pytest.mark.parametrize(
    ("bits", "words"),
    [(0, "nothing"), (0x4, "SwPowerCap"), (0x28, "HwSlowdown + SwThermalSlowdown")],
)
def test_what_holds_the_clocks_is_told_in_nvmls_words(plug: Plug, bits: int, words: str) -> None:
    plug({"reasons": bits})
    assert dict(facts([UUID]))["at_start_gpu_clocks_held_by"] == words


def test_of_a_mig_instance_the_gpu_that_it_is_a_part_of_tells_the_rest(plug: Plug) -> None:
    instance = {"uuid": "MIG-1", "name": "NVIDIA H200 MIG 1g.18gb", "slot": 0}
    plug({"mig_mode": (1, 1), "instances": [instance]})
    found = dict(facts(["MIG-1"]))
    assert found["gpu_model"] == "NVIDIA H200 MIG 1g.18gb"
    assert found["gpu_uuid"] == "MIG-1"
    assert found["gpu_mig"] == "on"
    assert found["gpu_power_limit_watts"] == 700.0
    assert found["at_start_gpu_temperature_celsius"] == 31


def test_no_nvml_no_facts_and_no_error(plug: Plug) -> None:
    plug(init=pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
    assert facts([UUID]) == ()
    plug({})
    assert facts(["GPU-of-another-host"]) == ()
