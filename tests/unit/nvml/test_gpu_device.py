"""gpu-N: found, or absent with the reason in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynvml
import pytest

from accelbench.devices import DeviceConfig, Found, Unavailable, gpu, kind_of

Plug = Callable[..., Any]

H200 = "NVIDIA H200 143771 MiB"
T4 = {"name": "Tesla T4", "total": 15360 * 2**20}


@pytest.fixture(autouse=True)
def no_amd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gpu, "AMD", tmp_path / "kfd")


def find(device: str, **env: str) -> Found | Unavailable:
    return kind_of(device).find(device, DeviceConfig(env=tuple(env.items())))


def found(device: str, **env: str) -> Found:
    device_found = find(device, **env)
    assert isinstance(device_found, Found), device_found
    return device_found


def reason(device: str, **env: str) -> str:
    absent = find(device, **env)
    assert isinstance(absent, Unavailable), absent
    assert absent.device == device
    assert "\n" not in absent.reason
    return absent.reason


@pytest.mark.usefixtures("on_the_host")
def test_n_gpus_are_found_among_all_of_their_model(plug: Plug) -> None:
    plug({"uuid": "GPU-a"}, {"uuid": "GPU-b"}, {"uuid": "GPU-c"})
    assert found("gpu-2") == Found(
        "gpu-2",
        H200,
        units=("gpu:GPU-a", "gpu:GPU-b", "gpu:GPU-c"),
        facts=(("at_start_of_session_gpu_owner", "free"),),
        count=2,
        replicas=2,
        platform="cuda",
        visibility="CUDA_VISIBLE_DEVICES",
    )


def test_a_worker_is_shown_its_units_alone(plug: Plug) -> None:
    plug({"uuid": "GPU-a"}, {"uuid": "GPU-b"}, {"uuid": "GPU-c"})
    device = found("gpu-2")
    assert device.seen(device.units[:2]) == {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}


@pytest.mark.usefixtures("on_the_host")
def test_a_free_gpu_comes_before_one_in_use_and_both_are_named(plug: Plug) -> None:
    plug({"uuid": "GPU-a", "pids": [os.getpid()]}, {"uuid": "GPU-b", "used": 2**33}, {"uuid": "G"})
    device = found("gpu-1")
    assert device.units == ("gpu:G", "gpu:GPU-b", "gpu:GPU-a")
    owners = str(dict(device.facts)["at_start_of_session_gpu_owner"])
    assert owners.startswith("G: free; GPU-b: unknown (8192 MiB")
    assert f"GPU-a: in use by pid {os.getpid()} (" in owners


@pytest.mark.usefixtures("in_a_container")
def test_an_owner_that_cannot_be_seen_is_unknown_and_the_gpu_still_found(plug: Plug) -> None:
    plug({}, {"uuid": "GPU-b"})
    owner = dict(found("gpu-2").facts)["at_start_of_session_gpu_owner"]
    assert str(owner).startswith("unknown (in a container")


def test_models_are_not_mixed_the_most_frequent_one_is_taken_and_the_other_named(
    plug: Plug,
) -> None:
    plug({"uuid": "GPU-a"}, {"uuid": "GPU-t1", **T4}, {"uuid": "GPU-t2", **T4})
    device = found("gpu-2")
    assert device.model == "Tesla T4 15360 MiB"
    assert device.units == ("gpu:GPU-t1", "gpu:GPU-t2")
    assert dict(device.facts)["gpus_passed_over"] == f"1 x {H200}"
    assert reason("gpu-3") == (
        f"gpu-3 needs 3 GPUs of one model, 1 x {H200}, 2 x Tesla T4 15360 MiB visible"
    )


def test_the_configured_environment_limits_what_is_found(
    plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug({"uuid": "GPU-a"}, {"uuid": "GPU-b"})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert found("gpu-1").units == ("gpu:GPU-a",)
    assert found("gpu-1", CUDA_VISIBLE_DEVICES="1").units == ("gpu:GPU-b",)


def test_too_few_gpus_are_told_with_what_hides_the_others(plug: Plug) -> None:
    plug({"uuid": "GPU-a"}, {"uuid": "GPU-b"}, {"fault": pynvml.NVML_ERROR_GPU_IS_LOST})
    assert reason("gpu-4", CUDA_VISIBLE_DEVICES="GPU-b") == (
        f"gpu-4 needs 4 GPUs of one model, 1 x {H200} visible; GPU 2: GPU is lost; "
        "CUDA_VISIBLE_DEVICES='GPU-b' hides 1"
    )
    assert reason("gpu-1", CUDA_VISIBLE_DEVICES="") == (
        "gpu-1 needs 1 GPU, none is visible; GPU 2: GPU is lost; CUDA_VISIBLE_DEVICES='' hides 2"
    )


def test_mig_instances_serve_one_replica_only(plug: Plug) -> None:
    instances = [
        {"uuid": f"MIG-{n}", "name": "NVIDIA H200 MIG 1g.18gb", "total": 2**34, "slot": n}
        for n in range(2)
    ]
    plug({"mig_mode": (1, 1), "instances": instances}, {"uuid": "GPU-b"})
    assert found("gpu-1").units == ("gpu:MIG-0", "gpu:MIG-1")
    assert found("gpu-1").model == "NVIDIA H200 MIG 1g.18gb 16384 MiB"
    assert reason("gpu-2") == (
        "gpu-2 needs 2 whole GPUs of one model, "
        f"2 x NVIDIA H200 MIG 1g.18gb 16384 MiB, 1 x {H200} visible"
    )


def test_without_a_driver_the_reason_is_nvmls_and_amd_is_named(plug: Plug) -> None:
    plug(init=pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
    assert reason("gpu-1") == "no NVIDIA GPU can be used: NVML says: Driver Not Loaded"
    gpu.AMD.touch()
    assert reason("gpu-1").endswith(
        f"(an AMD driver is loaded, {gpu.AMD}, but gpu-N is NVIDIA's only)"
    )


def test_a_gpu_whose_interpreter_is_missing_says_which(plug: Plug) -> None:
    plug({})
    absent = kind_of("gpu-1").find("gpu-1", DeviceConfig(("/nonexistent/python",)))
    assert absent == Unavailable("gpu-1", "its interpreter /nonexistent/python does not exist")


def test_held_units_tell_their_facts(plug: Plug) -> None:
    plug({"uuid": "GPU-a"}, {"uuid": "GPU-b"})
    kind = kind_of("gpu-2")
    assert kind.facts is not None
    assert dict(kind.facts(("gpu:GPU-b",)))["gpu_uuid"] == "GPU-b"


def test_finding_a_gpu_imports_no_framework(plug: Plug) -> None:
    plug({})
    before = set(sys.modules)
    found("gpu-1")
    assert not {"torch", "tensorflow"} & (set(sys.modules) - before)
