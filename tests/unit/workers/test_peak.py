"""The peak of a device: from the data sheet where there is one, else measured in the run."""

# ruff: noqa: ANN401  # torch is imported late: it has no types here

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from accelbench.workers.peak_table import RATES, stated


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


# -------------------------------------------------------------------------------------------- table
@pytest.mark.parametrize(
    ("name", "precision", "tera"),
    [
        ("NVIDIA A100-SXM4-80GB", "bfloat16", 312),
        ("NVIDIA A100-PCIE-40GB", "tfloat32", 156),
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989.5),
        ("NVIDIA H100 PCIe", "tfloat32", 378),
        ("NVIDIA H100 NVL", "float16", 835.5),
        ("NVIDIA H200", "float32", 67),
        ("NVIDIA H200 NVL", "float32", 60),
        ("NVIDIA GH200 480GB", "tfloat32", 494.5),
        ("NVIDIA L4", "bfloat16", 121),
        ("NVIDIA L40S", "bfloat16", 362),
        ("Tesla T4", "float16", 65),
        ("Tesla V100-SXM2-16GB", "float32", 15.7),
        ("Tesla V100S-PCIE-32GB", "float16", 130),
        ("AMD Instinct MI300X", "bfloat16", 1307.4),
    ],
)
def test_a_name_as_the_driver_gives_it_has_the_rate_of_its_data_sheet(
    name: str, precision: str, tera: float
) -> None:
    found = stated(name, precision)
    assert found is not None
    assert found[0] == pytest.approx(tera * 1e12)
    assert found[1].endswith(f" data sheet, dense {precision}") or ", " in found[1]


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("NVIDIA A10G", "bfloat16"),
        ("NVIDIA L40", "bfloat16"),
        ("NVIDIA H100 64GB HBM2", "bfloat16"),
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", "bfloat16"),
        ("NVIDIA GeForce RTX 4090", "bfloat16"),
        ("Tesla T4", "bfloat16"),
        ("Tesla V100-SXM2-16GB", "tfloat32"),
        ("NVIDIA A100-SXM4-80GB", "float64"),
        ("", "float32"),
    ],
)
def test_what_the_table_does_not_state_is_never_guessed(name: str, precision: str) -> None:
    assert stated(name, precision) is None


def test_rates_rise_from_plain_to_tensor_cores_and_halve_with_the_bits() -> None:
    for rate in RATES:
        assert rate.float16 > rate.float32 > 0
        if rate.tfloat32:
            assert rate.float32 < rate.tfloat32
            assert rate.bfloat16 == pytest.approx(2 * rate.tfloat32, rel=0.02)
        else:
            assert rate.bfloat16 == 0


def test_a_row_that_is_told_by_more_words_comes_before_one_that_fits_too() -> None:
    for number, rate in enumerate(RATES):
        assert not any(set(earlier.words) <= set(rate.words) for earlier in RATES[:number])


# ---------------------------------------------------------------------------------------- precision
def gpu(torch: Any, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Any:
    """Let torch speak of a GPU that is not here, by its own functions' names."""
    known = {"name": "NVIDIA A100-SXM4-80GB", "capability": (8, 0), "tf32": (True, False)}
    known.update(changes)
    conv, product = known["tf32"]
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: known["name"])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: known["capability"])
    monkeypatch.setattr(torch.version, "hip", known.get("hip"))
    switches = SimpleNamespace(allow_tf32=product)
    monkeypatch.setattr(torch.backends, "cudnn", SimpleNamespace(allow_tf32=conv))
    monkeypatch.setattr(torch.backends.cuda, "matmul", switches)
    return torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("changes", "precision", "source"),
    [
        ({}, "float32", "NVIDIA A100 data sheet, dense tfloat32"),
        ({"tf32": (False, True)}, "float32", "NVIDIA A100 data sheet, dense tfloat32"),
        ({"tf32": (False, False)}, "float32", "NVIDIA A100 data sheet, dense float32"),
        ({}, "bfloat16", "NVIDIA A100 data sheet, dense bfloat16"),
        (
            {"name": "Tesla V100-SXM2-16GB", "capability": (7, 0)},
            "float32",
            "NVIDIA V100 data sheet, SXM2, dense float32",
        ),
        (
            {"name": "AMD Instinct MI300X", "capability": (9, 4), "hip": "6.2"},
            "float32",
            "AMD Instinct MI300X data sheet, dense float32",
        ),
    ],
    ids=str,
)
def test_float32_is_what_the_settings_let_a_product_use(
    torch: Any,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    precision: str,
    source: str,
) -> None:
    from accelbench.workers.peak import peak_flops_per_second

    def never() -> None:
        raise AssertionError("what is stated must not be measured")

    device = gpu(torch, monkeypatch, **changes)
    one = peak_flops_per_second(device, precision, 1, never)
    four = peak_flops_per_second(device, precision, 4, never)
    assert one is not None
    assert four is not None
    assert one.source == four.source == source
    assert four.flops_per_second == pytest.approx(4 * one.flops_per_second)


# -------------------------------------------------------------------------------------- measurement
def test_a_device_that_no_table_knows_is_measured(torch: Any) -> None:
    from accelbench.workers.peak import peak_flops_per_second

    waits: list[None] = []
    found = peak_flops_per_second(torch.device("cpu"), "float32", 2, lambda: waits.append(None))
    assert found is not None
    assert found.source == "measured matrix product, float32"
    assert found.flops_per_second > 0
    assert len(waits) > 2
    assert len(waits) % 2 == 0  # before and after every product


def test_the_measured_rate_is_that_of_products_of_a_known_size(
    torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelbench.workers import peak

    # A clock that moves one millisecond whenever it is asked: every product takes just that.
    ticks = iter(range(100_000))
    monkeypatch.setattr(peak, "time", SimpleNamespace(perf_counter=lambda: next(ticks) * 1e-3))
    monkeypatch.setattr(peak, "SIDES", (32, 64))
    rate = peak.measured(torch.device("cpu"), "float32", lambda: None)
    assert rate == pytest.approx(2 * 64**3 / 1e-3)


def test_a_product_that_would_take_too_long_is_not_tried(
    torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelbench.workers import peak

    ticks = iter(range(100_000))
    monkeypatch.setattr(peak, "time", SimpleNamespace(perf_counter=lambda: next(ticks) * 1e-2))
    monkeypatch.setattr(peak, "SIDES", (16, 20, 10**9))  # the last one would not even fit in memory
    rate = peak.measured(torch.device("cpu"), "float32", lambda: None)
    assert rate == pytest.approx(2 * 20**3 / 1e-2)


def test_a_precision_that_this_torch_cannot_multiply_has_no_peak(
    torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelbench.workers.peak import peak_flops_per_second

    assert peak_flops_per_second(torch.device("cpu"), "bool", 1, lambda: None) is None


def test_measuring_leaves_the_precision_of_products_as_it_was(torch: Any) -> None:
    from accelbench.workers import peak

    before = torch.get_float32_matmul_precision()
    with peak._allowed("tfloat32"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before
