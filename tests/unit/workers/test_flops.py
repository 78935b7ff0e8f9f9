"""The closed forms of a workload's operations are what torch counts when it trains."""

# ruff: noqa: ANN401  # torch is imported late: it has no types here

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accelbench.workers.engine import resolve
from accelbench.workers.flops import conv, dense
from accelbench.workers.task import load_workload

BENCH = Path(__file__).parents[3] / "bench" / "workloads"
BATCH = 2


@pytest.fixture(scope="module")
def counter() -> Any:
    pytest.importorskip("torch", reason="torch is not installed")
    reason = "this torch has no FLOP counter"
    return pytest.importorskip("torch.utils.flop_counter", reason=reason).FlopCounterMode


def counted(counter: Any, training: Any, *shape: int) -> float:
    """Return the operations that torch counts for one sample's step, as a training does it."""
    import torch

    model = training.model.to(memory_format=training.memory_format)
    inputs, targets = torch.randn(BATCH, *shape), torch.zeros(BATCH, dtype=torch.long)
    counting = counter(display=False)
    with counting:
        training.loss(model(inputs), targets).backward()
    return float(counting.get_total_flops()) / BATCH


@pytest.mark.parametrize(
    ("name", "shape", "changes"),
    [
        ("mnist_softmax", (1, 28, 28), {}),
        ("mnist_cnn", (1, 28, 28), {}),
        ("graphcore_mnist", (1, 28, 28), {}),
        ("graphcore_mnist", (1, 28, 28), {"loss": "logits"}),
        ("control", (512,), {}),
        ("control", (64,), {"width": 64}),
        ("row_transformer", (1, 28, 28), {}),
        ("row_transformer", (1, 28, 28), {"width": 24, "heads": 3, "blocks": 1}),
        ("resnet18_cifar10", (3, 32, 32), {}),
        ("resnet18_cifar10", (3, 32, 32), {"precision": "bfloat16", "batch_norm": False}),
    ],
    ids=str,
)
def test_a_workloads_closed_form_is_torchs_count_exactly(
    counter: Any, name: str, shape: tuple[int, ...], changes: dict[str, Any]
) -> None:
    module = load_workload(str(BENCH / f"{name}.py"))
    params = resolve(module.PARAMETERS, tuple(changes.items()))
    found = module.flops_per_sample(params)
    assert type(found) is float
    assert found == counted(counter, module.build(params), *shape)


@pytest.mark.parametrize(
    ("name", "operations"),
    [
        ("mnist_softmax", 31_360),
        ("mnist_cnn", 82_049_024),
        ("graphcore_mnist", 15_396_864),
        ("control", 2_652_160),
        ("row_transformer", 17_923_840),
        ("resnet18_cifar10", 3_328_997_376),
    ],
)
def test_the_operations_of_the_suites_models(name: str, operations: int) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    module = load_workload(str(BENCH / f"{name}.py"))
    assert module.flops_per_sample(resolve(module.PARAMETERS, ())) == operations


def test_a_dense_layer_multiplies_three_times_and_the_first_one_twice() -> None:
    assert dense(3, 5) == 3 * 2 * 15
    assert dense(3, 5, first=True) == 2 * 2 * 15


def test_a_convolution_is_a_dense_layer_at_every_pixel() -> None:
    assert conv(3, 8, 1, 1) == dense(3, 8)
    assert conv(3, 8, 5, 49) == 49 * dense(75, 8)
    assert conv(3, 8, 5, 49, first=True) == 49 * dense(75, 8, first=True)
