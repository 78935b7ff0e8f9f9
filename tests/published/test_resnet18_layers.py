"""ResNet-18 is the published one, layer by layer; a model without batch norm lacks that alone."""

# ruff: noqa: ANN401  # torch is imported late: it has no types here

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from accelbench.workers.engine import resolve
from accelbench.workers.task import load_workload

TABLE = Path(__file__).with_name("resnet18_layers.csv")
WORKLOAD = Path(__file__).parents[2] / "bench" / "workloads" / "resnet18_cifar10.py"
Row = tuple[str, list[int], int]


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


def published() -> list[Row]:
    """Return the rows of the report: layer, output shape without the batch, parameters."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [
            (row["layer"], json.loads(row["output_shape"])[1:], int(row["parameters"]))
            for row in csv.DictReader(file)
        ]


def layers(torch: Any, model: Any) -> list[Row]:
    """Return the same of a model: what is neither a container nor a placeholder, as it ends."""
    rows: list[Row] = []

    def note(module: Any, _inputs: Any, output: Any) -> None:
        leaf = not list(module.children())
        parameters = sum(each.numel() for each in module.parameters()) if leaf else 0
        name = f"{type(module).__name__}-{len(rows) + 1}"
        rows.append((name, list(output.shape[1:]), parameters))

    for module in model.modules():
        if not isinstance(module, torch.nn.Sequential | torch.nn.Identity):
            module.register_forward_hook(note)
    model.eval()(torch.zeros(1, 3, 32, 32))
    return rows


def test_all_fifty_layers_are_the_published_ones(torch: Any) -> None:
    module = load_workload(str(WORKLOAD))
    rows = layers(torch, module.ResNet(batch_norm=True, precision="float32"))
    assert rows == published()
    assert len(rows) == 50
    assert sum(parameters for _, _, parameters in rows) == 11_173_962


def test_without_batch_norm_the_other_layers_are_the_same(torch: Any) -> None:
    module = load_workload(str(WORKLOAD))
    rows = layers(torch, module.ResNet(batch_norm=False, precision="float32"))
    kept = [row for row in published() if not row[0].startswith("BatchNorm2d")]
    plain = [(name.partition("-")[0], *rest) for name, *rest in kept]
    assert [(name.partition("-")[0], *rest) for name, *rest in rows] == plain


def test_every_parameter_has_a_gradient_and_changes_under_any_optimizer(torch: Any) -> None:
    module = load_workload(str(WORKLOAD))
    model = module.ResNet(batch_norm=True, precision="float32")
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert sum(each.grad.numel() for each in model.parameters()) == 11_173_962
    for name in module.CHOICES["optimizer"]:
        params = resolve(module.PARAMETERS, (("optimizer", name),))
        before = [each.detach().clone() for each in model.parameters()]
        module.optimizer(params, model.parameters()).step()
        for old, new in zip(before, model.parameters(), strict=True):
            assert not torch.equal(old, new), name
