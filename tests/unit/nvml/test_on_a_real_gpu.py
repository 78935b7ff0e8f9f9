"""On a machine with an NVIDIA GPU: the same GPUs as torch sees, and energy that can be true.

Skipped where NVML finds no GPU, and what needs torch where torch finds none.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from accelbench.devices import DeviceConfig, Found, kind_of
from accelbench.nvml import NvmlError, Visible, visible
from accelbench.workers import energy_nvml
from accelbench.workers.energy import EnergyMeter, open_meter
from accelbench.workers.gauge import UnmeasuredError

# Without an import that needs torch: the module itself.
Torch = Any

SECONDS = 2.0

LEAST_WATTS, MOST_WATTS = 20.0, 1500.0


def there() -> Visible:
    try:
        return visible(os.environ)
    except NvmlError as error:
        pytest.skip(str(error))


@pytest.fixture
def gpus() -> Visible:
    """The GPUs of this machine; skips without one."""
    found = there()
    if not found.gpus:
        pytest.skip("; ".join(("NVML shows no GPU", *found.left_out)))
    return found


@pytest.fixture
def torch(gpus: Visible) -> Torch:
    """Torch, where it sees a GPU."""
    module = pytest.importorskip("torch")
    if not module.cuda.is_available():
        pytest.skip("this torch sees no GPU")
    return module


def test_torch_counts_the_same_gpus_in_the_same_order(gpus: Visible, torch: Torch) -> None:
    if any(gpu.instance for gpu in gpus.gpus):
        pytest.skip("CUDA shows a process one MIG instance only")
    assert len(gpus.gpus) == torch.cuda.device_count()
    for index, gpu in enumerate(gpus.gpus):
        properties = torch.cuda.get_device_properties(index)
        assert gpu.uuid == f"GPU-{properties.uuid}"
        assert gpu.model.startswith(properties.name)


def test_the_gpu_is_found_and_tells_its_facts(gpus: Visible) -> None:
    kind = kind_of("gpu-1")
    found = kind.find("gpu-1", DeviceConfig())
    assert isinstance(found, Found), found
    assert {unit.removeprefix("gpu:") for unit in found.units} <= {gpu.uuid for gpu in gpus.gpus}
    assert kind.facts is not None
    facts = dict(kind.facts(found.units[:1]))
    assert facts["gpu_uuid"] == found.units[0].removeprefix("gpu:")
    assert found.model.startswith(str(facts["gpu_model"]))
    assert {"gpu_driver", "gpu_cuda_driver", "at_start_gpu_owner"} <= set(facts)
    print(found, *facts.items(), sep="\n")  # noqa: T201  # pytest -s shows what this GPU tells


def multiply(torch: Torch, seconds: float) -> None:
    """Keep the first GPU busy with matrix products."""
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(10):
            a @ a
        torch.cuda.synchronize()


def measured(meter: EnergyMeter, work: Callable[[], None]) -> tuple[float, float]:
    """Return the joules and the seconds of some work."""
    begun = time.perf_counter()
    meter.open()
    work()
    meter.close()
    seconds = time.perf_counter() - begun
    meter.finish()
    if meter.joules is None:
        pytest.skip(meter.reason)
    print(f"{meter.source}: {meter.joules:.1f} J in {seconds:.2f} s")  # noqa: T201  # pytest -s
    return meter.joules, seconds


def test_the_energy_of_matrix_products_is_that_of_a_working_gpu(
    gpus: Visible, torch: Torch
) -> None:
    meter = open_meter("cuda", {"CUDA_VISIBLE_DEVICES": gpus.gpus[0].uuid})
    multiply(torch, 1.0)
    joules, seconds = measured(meter, lambda: multiply(torch, SECONDS))
    assert LEAST_WATTS * seconds < joules < MOST_WATTS * seconds


def test_counter_and_sampled_power_agree(
    gpus: Visible, torch: Torch, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"CUDA_VISIBLE_DEVICES": gpus.gpus[0].uuid}
    counting = open_meter("cuda", names)
    if isinstance(counting._gauge, energy_nvml.PowerGauge):
        pytest.skip("this GPU has no energy counter")
    with monkeypatch.context() as patch:
        patch.setattr(energy_nvml, "CounterGauge", _no_counter)
        sampling = open_meter("cuda", names)

    multiply(torch, 1.0)
    sampling.open()
    counted, seconds = measured(counting, lambda: multiply(torch, 2 * SECONDS))
    sampling.close()
    sampling.finish()
    if sampling.joules is None:
        pytest.skip(sampling.reason)
    print(f"{sampling.source}: {sampling.joules:.1f} J")  # noqa: T201  # pytest -s
    assert sampling.source.startswith("nvml power sampled")
    # The sampling window is the longer one, by the meter's learning at the end, which idles.
    assert sampling.joules == pytest.approx(counted, rel=0.2)
    assert seconds > 2 * SECONDS


def _no_counter(*_: object) -> None:
    raise UnmeasuredError("left out by the test")
