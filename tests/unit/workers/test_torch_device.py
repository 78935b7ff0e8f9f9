"""A torch device's ids, memory, synchronisation and clock: on the CPU, by contract, and on a GPU.

Runs on Python 3.8 and torch 2.0 too; torch is imported inside the tests.
"""

# ruff: noqa: ANN401  # torch is imported late: it has no types here
# ruff: noqa: ARG002, ARG005  # a stand-in has torch's signatures

from __future__ import annotations

import inspect
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import accelbench
from accelbench.records import Evaluation
from accelbench.workers import host
from accelbench.workers.loop import HOST, split, timed_window


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


def open_device(platform: str, index: int = 0) -> Any:
    from accelbench.workers.torch_device import open_device as opened

    return opened(platform, index)


# ------------------------------------------------------------------------------------------ the cpu
def test_the_cpu_is_timed_by_the_host_and_has_the_processs_memory(torch: Any) -> None:
    place = open_device("cpu")
    assert place.device == torch.device("cpu")
    assert (place.platform, place.backend, place.clock) == ("cpu", "gloo", HOST)
    place.set_current()
    place.reset_peak_memory()
    place.synchronize()
    block = bytearray(30 << 20)
    assert place.peak_memory_bytes() == host.peak_memory_bytes() > len(block)
    assert place.treatment() == ()


# --------------------------------------------------------------------------- platforms not there
@pytest.mark.parametrize("platform", ["hpu", "npu", "mlu", "musa", "tpu"])
def test_a_platform_that_this_torch_lacks_is_named_with_what_brings_it(
    torch: Any, platform: str
) -> None:
    from accelbench.workers.torch_device import EXTENSIONS

    if hasattr(torch, platform):
        pytest.skip(f"torch has {platform} here")
    with pytest.raises(RuntimeError) as caught:
        open_device(platform)
    said = str(caught.value)
    assert said.startswith(f"torch {torch.__version__} has no {platform}: install ")
    assert EXTENSIONS.get(platform, "the torch build") in said
    assert "\n" not in said


@pytest.mark.parametrize("platform", ["cuda", "mps"])
def test_a_platform_without_a_device_says_what_to_look_at(torch: Any, platform: str) -> None:
    if platform == "cuda" and torch.cuda.is_available():
        pytest.skip("torch sees a CUDA device")
    if platform == "mps" and (torch.backends.mps.is_available() or not hasattr(torch, "mps")):
        pytest.skip("torch sees Metal, or does not know it yet")
    with pytest.raises(RuntimeError) as caught:
        open_device(platform)
    assert str(caught.value).startswith(f"torch {torch.__version__} sees no {platform} device: ")
    assert "\n" not in str(caught.value)


def test_gaudis_lazy_mode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setenv("PT_HPU_LAZY_MODE", "1")
    with pytest.raises(RuntimeError, match=r"^hpu trains in eager mode here: unset PT_HPU_LAZY"):
        open_device("hpu")


# ------------------------------------------------------------------------------------- by contract
VERBS = {
    "current_accelerator": (),
    "device_count": (),
    "synchronize": ("device",),
    "max_memory_allocated": ("device",),
    "reset_peak_memory_stats": ("device",),
}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_torch_accelerator_has_the_functions_that_are_called(torch: Any, verb: str) -> None:
    accelerator = getattr(torch, "accelerator", None)
    if not hasattr(accelerator, verb):
        # 2.6 brought torch.accelerator, 2.9 its memory functions: before, the platform's are used.
        assert tuple(map(int, torch.__version__.split(".")[:2])) < (2, 9)
        pytest.skip(f"torch {torch.__version__} has no torch.accelerator.{verb}")
    inspect.signature(getattr(accelerator, verb)).bind(*VERBS[verb])


@pytest.mark.parametrize("platform", ["cuda", "xpu"])
def test_a_platforms_own_module_has_the_functions_that_are_called(
    torch: Any, platform: str
) -> None:
    module = getattr(torch, platform, None)
    if module is None:
        pytest.skip(f"torch {torch.__version__} has no torch.{platform}")
    called = {
        **VERBS,
        "set_device": (0,),
        "get_device_name": (0,),
        "current_stream": ("device",),
    }
    del called["current_accelerator"]
    for verb, arguments in called.items():
        inspect.signature(getattr(module, verb)).bind(*arguments)
    assert {"record", "elapsed_time"} <= set(dir(module.Event))


class OlderModule(ModuleType):
    """The module of a platform in a torch that has no torch.accelerator."""

    def __init__(self, events: bool = True) -> None:
        super().__init__("torch.npu")
        self.calls: list[str] = []
        if events:
            self.Event = OlderEvent
            self.current_stream = lambda device: self

    def device_count(self) -> int:
        return 2

    def get_device_name(self, index: int) -> str:
        return f"Pretend 910 number {index}"

    def set_device(self, index: int) -> None:
        self.calls.append(f"set_device {index}")

    def synchronize(self, device: Any) -> None:
        self.calls.append(f"synchronize {device}")

    def reset_peak_memory_stats(self, device: Any) -> None:
        self.calls.append(f"reset {device}")

    def max_memory_allocated(self, device: Any) -> int:
        return 1234


class OlderEvent:
    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self, stream: Any) -> None:
        self.ns = time.perf_counter_ns()

    def elapsed_time(self, later: OlderEvent) -> float:
        return (later.ns - self.ns) * 1e-6


@pytest.fixture
def older(torch: Any, monkeypatch: pytest.MonkeyPatch) -> OlderModule:
    """A torch as before 2.6, with an accelerator of two devices."""
    module = OlderModule()
    monkeypatch.delattr(torch, "accelerator", raising=False)
    monkeypatch.setattr(torch, "npu", module, raising=False)
    # The name is the extension's to give; torch knows it as its private use.
    known = torch.device("privateuseone", 1)
    monkeypatch.setattr(torch, "device", lambda *_: known)
    return module


def test_an_older_torch_is_driven_through_the_platforms_own_module(older: OlderModule) -> None:
    place = open_device("npu", 1)
    older.calls.clear()
    assert place.backend == "hccl"
    place.set_current()
    place.reset_peak_memory()
    place.synchronize()
    assert older.calls == [
        "set_device 1",
        "reset privateuseone:1",
        "synchronize privateuseone:1",
    ]
    assert place.peak_memory_bytes() == 1234
    assert ("device_name", "Pretend 910 number 1") in place.treatment()
    assert place.clock.queued


def test_a_device_that_does_not_exist_is_named_with_how_many_do(older: OlderModule) -> None:
    with pytest.raises(RuntimeError, match=r"^npu:2 does not exist: torch sees 2 npu$"):
        open_device("npu", 2)


def test_a_platform_without_events_is_timed_by_the_host(
    torch: Any, older: OlderModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "npu", OlderModule(events=False))
    assert open_device("npu").clock is HOST


def test_metal_has_no_peak_and_tells_what_its_driver_gave(
    torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    module = SimpleNamespace(
        synchronize=lambda: calls.append("synchronize"),
        driver_allocated_memory=lambda: 99,
        device_count=lambda: 1,
        Event=OlderEvent,
    )
    monkeypatch.delattr(torch, "accelerator", raising=False)
    monkeypatch.setattr(torch, "mps", module, raising=False)
    place = open_device("mps")
    place.set_current()
    place.reset_peak_memory()
    place.synchronize()
    assert calls == ["synchronize"]
    assert (place.peak_memory_bytes(), place.clock, str(place.device)) == (99, HOST, "mps")


# ---------------------------------------------------------------- a real accelerator, in Python
REGISTERED = Path(__file__).parent / "accelerator_from_python"
MNIST_CNN = Path(__file__).parents[3] / "bench" / "workloads" / "mnist_cnn.py"

# Both platforms in one process, the accelerator known before the first backward pass.
TRAIN = """
import json, sys
from accelbench.records import DataFiles, Job, RunSpec
from accelbench.workers.engine import resolve
from accelbench.workers.loop import timed_window
from accelbench.workers.task import load_workload
from accelbench.workers.torch_device import open_device
from accelbench.workers.ways import torch as way
folder, path = sys.argv[1:]
place = open_device("npu")
import torch
found = {"device": str(place.device), "queued": place.clock.queued, "backend": place.backend}
found["spaces"] = [getattr(space, "__name__", "") for space in place._spaces]
workload = load_workload(path)
for platform in ("npu", "cpu"):
    spec = RunSpec("mnist_cnn", platform, "torch", "made", 1, 1, (("batch_size", 16),))
    job = Job(spec, path, "torch", DataFiles("made", "0" * 16, folder), platform=platform)
    params = resolve(workload.PARAMETERS, spec.params)
    engine = way.start(job, workload, params, lambda phase: None)
    engine.compile()
    losses, waited = [], torch.npu.synchronised
    stamps = timed_window(engine, losses)
    found[platform] = {
        "waited": torch.npu.synchronised - waited,
        "stamps": len(stamps),
        "losses": engine.read_losses(losses),
        "evaluated": engine.evaluate().loss,
        "peak": engine.peak_memory_bytes(),
        "treatment": dict(engine.treatment()),
    }
print(json.dumps(found))
"""


def test_a_workload_trains_on_an_accelerator_that_was_registered_with_torch(
    torch: Any, tmp_path: Path
) -> None:
    from torch.utils import backend_registration

    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip(f"torch {torch.__version__} registers no accelerator from Python")
    draw = np.random.RandomState(0)
    for part, count in (("train", 96), ("test", 32)):
        images = draw.randint(0, 256, (count, 28, 28)).astype(np.uint8)
        np.save(str(tmp_path / f"{part}_images.npy"), images)
        np.save(str(tmp_path / f"{part}_labels.npy"), (np.arange(count) % 10).astype(np.uint8))
    paths = [str(REGISTERED), str(Path(accelbench.__file__).parents[1])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", TRAIN, str(tmp_path), str(MNIST_CNN)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["device"], found["backend"]) == ("npu:0", "hccl")
    assert found["spaces"] == ["Module", "torch.accelerator"]
    assert found["queued"] is False  # no events: the host's clock
    there, here = found["npu"], found["cpu"]
    assert there["losses"] == pytest.approx(here["losses"], rel=1e-4)
    assert there["evaluated"] == pytest.approx(here["evaluated"], rel=1e-4)
    assert len(set(here["losses"])) == 6
    # Waited for at the edges of the window only; on the CPU there is nothing to wait for.
    assert (there["waited"], here["waited"], there["stamps"]) == (2, 0, 14)
    assert there["peak"] > 3_000_000 * 4  # the weights alone
    assert there["treatment"]["device_name"] == "CPU as npu"
    assert "device_name" not in here["treatment"]


def test_a_device_that_cannot_be_waited_for_is_refused(
    older: OlderModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(OlderModule, "synchronize")
    with pytest.raises(RuntimeError, match=r"^npu cannot be waited for, so not be timed: no sync"):
        open_device("npu")


# ---------------------------------------------------------------------------------------- on a GPU
@pytest.fixture
def place(torch: Any) -> Any:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")
    return open_device("cuda")


class Sleeper:
    """An engine whose steps let the GPU sleep; it notes when each synchronisation returned."""

    batch_size, parameters = 1, 0

    def __init__(self, torch: Any, place: Any, cycles: list[int]) -> None:
        self._torch, self._place, self._cycles = torch, place, cycles
        self.steps_per_epoch = len(cycles)
        self.clock = place.clock
        self.returned: list[float] = []

    def compile(self) -> None: ...

    def begin_epoch(self) -> None:
        self._torch.cuda.set_sync_debug_mode("error")

    def fetch(self, step: int) -> int:
        return self._cycles[step]

    def update(self, batch: int) -> None:
        if batch:
            self._torch.cuda._sleep(batch)

    def synchronize(self) -> None:
        self._torch.cuda.set_sync_debug_mode("default")
        self._place.synchronize()
        self.returned.append(time.perf_counter())

    def read_losses(self, losses: list[Any]) -> list[float]:
        return [0.0 for _ in losses]

    def evaluate(self) -> Evaluation:
        return Evaluation(0.0, 1)

    def treatment(self) -> Any:
        return ()


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")  # a prototype of torch
def test_event_times_of_known_sleeps_agree_with_the_hosts_clock(torch: Any, place: Any) -> None:
    cycles = [2_000_000, 6_000_000] * 50
    engine = Sleeper(torch, place, cycles)
    timed_window(engine, [])  # kernels are loaded, the clocks of the GPU rise
    engine.returned.clear()
    stamps = timed_window(engine, [])
    opened, closed = engine.returned
    assert (stamps[-1] - stamps[0]) * 1e-9 == pytest.approx(closed - opened, rel=0.05)
    data, compute = split(stamps)
    assert math.fsum(data) < 0.01 * math.fsum(compute)
    short, long = sorted(compute)[25], sorted(compute)[75]
    assert long == pytest.approx(3 * short, rel=0.05)
    assert all(b == pytest.approx((short, long)[k % 2], rel=0.2) for k, b in enumerate(compute))


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")  # a prototype of torch
def test_an_epoch_on_a_gpu_waits_for_it_once_at_its_end(torch: Any, place: Any) -> None:
    engine = Sleeper(torch, place, [20_000_000] * 8)
    timed_window(engine, [])
    engine.returned.clear()
    queued: list[float] = []
    update = engine.update

    def noting(batch: int) -> None:
        update(batch)
        queued.append(time.perf_counter())

    engine.update = noting  # type: ignore[method-assign]  # a look from inside
    timed_window(engine, [])  # a step that waits raises: torch's debug mode is set to error
    opened, closed = engine.returned
    assert queued[-1] - opened < 0.2 * (closed - opened)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")  # a prototype of torch
def test_a_window_makes_no_event_and_a_stamp_costs_little_more_than_its_record(
    torch: Any, place: Any, record_property: Any
) -> None:
    engine = Sleeper(torch, place, [0] * 5_000)
    timed_window(engine, [])
    stream = torch.cuda.current_stream()
    bare: list[float] = []
    driven: list[float] = []
    events = [torch.cuda.Event(enable_timing=True) for _ in range(10_000)]
    for event in events:
        event.record(stream)
    for _ in range(7):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for event in events:
            event.record(stream)
        torch.cuda.synchronize()
        bare.append((time.perf_counter() - start) / 5_000)
        engine.returned.clear()
        timed_window(engine, [])
        driven.append((engine.returned[1] - engine.returned[0]) / 5_000)
    record_property("record_twice_us", 1e6 * min(bare))
    record_property("empty_step_us", 1e6 * min(driven))
    print(f"two records {1e6 * min(bare):.2f} us, an empty step {1e6 * min(driven):.2f} us")  # noqa: T201  # for -s
    assert min(driven) < 2 * min(bare)


def test_the_allocators_peak_is_of_what_was_held_since_the_reset(torch: Any, place: Any) -> None:
    place.set_current()
    first = torch.empty(64 << 20, dtype=torch.uint8, device=place.device)
    assert place.peak_memory_bytes() >= 64 << 20
    del first
    place.reset_peak_memory()
    held = place.peak_memory_bytes()
    second = torch.empty(16 << 20, dtype=torch.uint8, device=place.device)
    del second
    assert held + (16 << 20) <= place.peak_memory_bytes() < held + (32 << 20)


def test_a_gpus_treatment_tells_what_may_change_a_number(torch: Any, place: Any) -> None:
    found = dict(place.treatment())
    assert found["device_name"] == torch.cuda.get_device_name(0)
    assert {"compute_capability", "cudnn_allow_tf32", "cudnn_benchmark"} <= set(found)
    assert {"cuda_version", "rocm_version"} & set(found)
    assert place.backend == "nccl"
    assert str(place.device) == "cuda:0"
    with pytest.raises(RuntimeError, match=r"^cuda:64 does not exist: torch sees "):
        open_device("cuda", 64)
