"""Which GPUs there are, who uses them, and what is left out and why."""

from __future__ import annotations

import ast
import ctypes
import getpass
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynvml
import pytest

import accelbench
from accelbench.nvml import Gpu, NvmlError, visible
from accelbench.nvml.owners import owner

Plug = Callable[..., Any]
Refuse = Callable[[int], Exception]

PACKAGE = Path(accelbench.__file__).parent
H200 = "NVIDIA H200 143771 MiB"
T4 = {"name": "Tesla T4", "total": 15360 * 2**20}


def names(text: str) -> set[str]:
    """Return all that a file names of NVML: attributes, and the functions in its texts."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return {name for name in found if name.startswith(("nvmlD", "nvmlS", "nvmlI", "NVML_"))}


def test_all_that_is_used_of_nvml_exists_in_nvidias_binding() -> None:
    files = [*(PACKAGE / "nvml").glob("*.py"), PACKAGE / "workers" / "energy_nvml.py"]
    used = {name for file in files for name in names(file.read_text("utf-8"))}
    assert len(used) > 30
    assert {name for name in used if not hasattr(pynvml, name)} == set()


def test_every_pretended_function_is_one_that_nvidias_binding_calls(plug: Plug) -> None:
    called = {
        node.value
        for node in ast.walk(ast.parse(Path(pynvml.__file__).read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    pretended = {name for name in vars(plug({})) if name.startswith("nvml")}
    assert len(pretended) > 25
    assert pretended <= called


def test_without_a_driver_nvml_is_quoted_in_one_line(plug: Plug) -> None:
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        with pytest.raises(NvmlError, match=r"^NVML says: NVML Shared Library Not Found$"):
            visible({})
    plug(init=pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
    with pytest.raises(NvmlError, match=r"^NVML says: Driver Not Loaded$"):
        visible({})


@pytest.mark.usefixtures("on_the_host")
def test_all_gpus_are_told_with_model_and_owner(plug: Plug) -> None:
    plug({}, {"uuid": "GPU-t4", **T4, "pids": [os.getpid()]})
    assert visible({}).left_out == ()
    assert visible({}).gpus == (
        Gpu("GPU-00000000-aaaa", H200, "free"),
        Gpu("GPU-t4", "Tesla T4 15360 MiB", f"in use by pid {os.getpid()} ({getpass.getuser()})"),
    )


def test_a_model_whose_memory_is_the_hosts_has_its_name_alone(plug: Plug, refuse: Refuse) -> None:
    plug({"total": refuse(pynvml.NVML_ERROR_NOT_SUPPORTED)})
    assert visible({}).gpus[0].model == "NVIDIA H200"


def test_the_environments_limits_are_honoured_and_named(plug: Plug) -> None:
    plug({"uuid": "GPU-a"}, {"uuid": "GPU-b"}, {"uuid": "GPU-c"})
    found = visible({"CUDA_VISIBLE_DEVICES": "2,0"})
    assert [gpu.uuid for gpu in found.gpus] == ["GPU-c", "GPU-a"]
    assert found.left_out == ("CUDA_VISIBLE_DEVICES='2,0' hides 1",)
    found = visible({"NVIDIA_VISIBLE_DEVICES": "GPU-c,GPU-a", "CUDA_VISIBLE_DEVICES": "1"})
    assert [gpu.uuid for gpu in found.gpus] == ["GPU-c"]
    assert found.left_out == (
        "NVIDIA_VISIBLE_DEVICES='GPU-c,GPU-a' hides 1",
        "CUDA_VISIBLE_DEVICES='1' hides 1",
    )
    assert visible({"NVIDIA_VISIBLE_DEVICES": "all"}).left_out == ()


def test_a_gpu_that_may_not_be_opened_is_named_and_not_counted(plug: Plug) -> None:
    plug({"uuid": "GPU-a", "fault": pynvml.NVML_ERROR_NO_PERMISSION}, {"uuid": "GPU-b"})
    found = visible({"CUDA_VISIBLE_DEVICES": "0"})
    assert [gpu.uuid for gpu in found.gpus] == ["GPU-b"]
    assert found.left_out == ("GPU 0: Insufficient Permissions",)


def test_a_gpu_that_prohibits_computing_keeps_its_number(plug: Plug) -> None:
    plug({"uuid": "GPU-a", "compute_mode": 2}, {"uuid": "GPU-b"})
    found = visible({"CUDA_VISIBLE_DEVICES": "1"})
    assert [gpu.uuid for gpu in found.gpus] == ["GPU-b"]
    assert found.left_out == ("GPU 0: its compute mode prohibits computing",)
    assert visible({"CUDA_VISIBLE_DEVICES": "0"}).gpus == ()


INSTANCES = [
    {"uuid": "MIG-1", "name": "NVIDIA H200 MIG 1g.18gb", "total": 16384 * 2**20, "slot": 0},
    {"uuid": "MIG-2", "name": "NVIDIA H200 MIG 1g.18gb", "total": 16384 * 2**20, "slot": 3},
]
MIG = {"uuid": "GPU-m", "mig_mode": (1, 1), "instances": INSTANCES}


def test_in_mig_mode_the_instances_are_the_units_and_their_gpu_is_not(plug: Plug) -> None:
    plug(MIG, {"uuid": "GPU-b"})
    found = visible({}).gpus
    assert [gpu.uuid for gpu in found] == ["MIG-1", "MIG-2", "GPU-b"]
    assert [gpu.instance for gpu in found] == [True, True, False]
    assert found[0].model == "NVIDIA H200 MIG 1g.18gb 16384 MiB"


@pytest.mark.parametrize(
    ("text", "uuids"),
    [("MIG-2", ["MIG-2"]), ("GPU-m", ["MIG-1", "MIG-2"]), ("MIG-2,MIG-1", ["MIG-2", "MIG-1"])],
)
def test_instances_are_named_alone_or_by_their_gpu(plug: Plug, text: str, uuids: list[str]) -> None:
    plug(MIG, {"uuid": "GPU-b"})
    assert [gpu.uuid for gpu in visible({"CUDA_VISIBLE_DEVICES": text}).gpus] == uuids


def test_mig_mode_without_an_instance_is_named(plug: Plug) -> None:
    plug({**MIG, "instances": []})
    assert visible({}).left_out == ("GPU 0: MIG mode without an instance",)


def test_numbers_that_may_mean_one_model_or_another_are_refused(plug: Plug) -> None:
    plug({"uuid": "GPU-a"}, {"uuid": "GPU-t4", **T4})
    with pytest.raises(NvmlError) as caught:
        visible({"CUDA_VISIBLE_DEVICES": "1"})
    assert str(caught.value) == (
        f"CUDA_VISIBLE_DEVICES='1' may mean any of {H200}, Tesla T4 15360 MiB: "
        "name UUIDs in it, or set CUDA_DEVICE_ORDER=PCI_BUS_ID"
    )
    ordered = {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert [gpu.uuid for gpu in visible(ordered).gpus] == ["GPU-t4"]
    assert [gpu.uuid for gpu in visible({"CUDA_VISIBLE_DEVICES": "1,0"}).gpus] == [
        "GPU-t4",
        "GPU-a",
    ]


def told_owner(plug: Plug, **board: object) -> str:
    plug(board)
    return visible({}).gpus[0].owner


@pytest.mark.usefixtures("in_a_container")
def test_in_a_container_an_owner_is_unknown_whoever_is_listed(plug: Plug) -> None:
    for pids in ([], [os.getpid()]):
        assert told_owner(plug, pids=pids).startswith("unknown (in a container")


@pytest.mark.usefixtures("on_the_host")
def test_an_owner_that_is_not_to_be_seen_is_unknown(plug: Plug, refuse: Refuse) -> None:
    gone = 2**22 + 1  # above the highest process id that Linux gives
    assert told_owner(plug, pids=[os.getpid(), gone]) == (
        f"unknown (pid {gone} is not to be seen from here)"
    )
    refusal = refuse(pynvml.NVML_ERROR_NO_PERMISSION)
    assert told_owner(plug, pids=refusal) == "unknown (NVML does not list its processes here)"
    assert told_owner(plug, used=5 * 2**30) == (
        "unknown (5120 MiB are in use by no process that is listed)"
    )
    assert told_owner(plug, used=600 * 2**20) == "free"


def test_whether_processes_are_to_be_seen_is_the_kernels_word(plug: Plug) -> None:
    plug({})
    pynvml.nvmlInit()
    told = owner(pynvml, pynvml.nvmlDeviceGetHandleByIndex(0))
    pynvml.nvmlShutdown()
    # Process 2 of a host is the kernel's; a namespace of its own has no such one.
    try:
        hosts = Path("/proc/2/comm").read_text("utf-8") == "kthreadd\n"
    except OSError:
        hosts = False
    assert told.startswith("free" if hosts else "unknown")
