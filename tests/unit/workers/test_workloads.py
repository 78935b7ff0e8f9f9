"""Every workload file of the suite builds and trains, on the oldest torch and Python too."""

# ruff: noqa: ANN401  # engines of any framework

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelbench.records import DataFiles, Job, RunSpec
from accelbench.workers.engine import resolve
from accelbench.workers.task import load_workload
from accelbench.workers.ways import own

BENCH = Path(__file__).parents[3] / "bench" / "workloads"
# Keras' own have their tests in test_keras.py: TensorFlow and torch cannot share a process.
NAMES = sorted(path.stem for path in BENCH.glob("*.py") if not path.stem.endswith("_keras"))

CASES = [
    *((name, {}) for name in NAMES),
    ("graphcore_mnist", {"loss": "logits"}),
    *(
        (name, {"optimizer": optimizer})
        for name in ("linear_regression", "mnist_softmax")
        for optimizer in ("momentum", "adagrad", "adam")
    ),
    ("resnet18_cifar10", {"precision": "bfloat16", "optimizer": "nesterov"}),
    ("resnet18_cifar10", {"batch_norm": False, "channels_last": False, "augment": False}),
]

SMALL = {"resnet18_cifar10": {"batch_size": 4}}
"""Of a workload whose own batch takes seconds a step: it also gets the small set, in colour."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DataFiles:
    """A decoded data set of random images, 28 x 28; in a folder below, a small one in colour."""
    folder = tmp_path_factory.mktemp("set")
    keep(folder, {"train": 200, "test": 100}, (28, 28))
    keep(folder / "small", {"train": 20, "test": 10}, (8, 8, 3))
    return DataFiles("made", "0" * 16, str(folder))


def keep(folder: Path, counts: dict[str, int], shape: tuple[int, ...]) -> None:
    folder.mkdir(exist_ok=True)
    draw = np.random.RandomState(0)
    for part, count in counts.items():
        images = draw.randint(0, 256, (count, *shape)).astype(np.uint8)
        np.save(str(folder / f"{part}_images.npy"), images)
        np.save(str(folder / f"{part}_labels.npy"), (np.arange(count) % 10).astype(np.uint8))


def started(name: str, changes: dict[str, Any], files: DataFiles, seed: int = 1) -> Any:
    """Return the engine of a workload file, as a worker would start it."""
    pytest.importorskip("torch", reason="torch is not installed")
    from accelbench.workers.ways import torch as way

    module = load_workload(str(BENCH / f"{name}.py"))
    if name in SMALL:
        changes = {**SMALL[name], **changes}
        files = replace(files, directory=str(Path(files.directory) / "small"))
    params = resolve(module.PARAMETERS, tuple(changes.items()))
    data = files if hasattr(module, "INPUT") else None
    spec = RunSpec(name, "cpu", module.FRAMEWORK, "made", seed, 1, params=tuple(changes.items()))
    job = Job(spec, str(BENCH / f"{name}.py"), module.TRAINED_BY, data)
    ways = {"torch": way.start, "own": own.start}
    return ways[module.TRAINED_BY](job, module, params, lambda _phase: None)


def two_steps(engine: Any) -> list[float]:
    engine.begin_epoch()
    losses = [engine.update(engine.fetch(step)) for step in range(2)]
    engine.synchronize()
    return list(engine.read_losses(losses))


def test_there_are_workloads() -> None:
    assert {"control", "graphcore_mnist", "linear_regression", "mnist_cnn"} <= set(NAMES)


@pytest.mark.parametrize(("name", "changes"), CASES, ids=str)
def test_a_workload_builds_trains_two_steps_and_evaluates(
    name: str, changes: dict[str, Any], files: DataFiles
) -> None:
    engine = started(name, changes, files)
    engine.compile()
    losses = two_steps(engine)
    found = engine.evaluate()
    assert all(map(math.isfinite, [*losses, found.loss]))
    assert found.accuracy is None or 0 <= found.accuracy <= 1
    assert dict(engine.treatment())["framework_version"] == sys.modules["torch"].__version__


@pytest.mark.parametrize("name", [name for name in NAMES if name != "data_loading"])
def test_a_workload_repeats_itself_to_the_last_bit(name: str, files: DataFiles) -> None:
    def training() -> list[Any]:
        engine = started(name, {}, files, seed=7)
        return [two_steps(engine), engine.evaluate()]

    assert training() == training()


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("mnist_cnn", 3274634),
        ("mnist_softmax", 7850),
        ("linear_regression", 2),
        ("resnet18_cifar10", 11173962),
    ],
)
def test_the_published_number_of_parameters(name: str, count: int, files: DataFiles) -> None:
    assert started(name, {}, files).parameters == count


def test_the_double_softmax_keeps_the_loss_in_its_narrow_band(files: DataFiles) -> None:
    narrow = two_steps(started("graphcore_mnist", {}, files))
    assert all(1.4612 <= loss <= 2.4612 for loss in narrow)


def test_the_usual_loader_gives_the_same_images(files: DataFiles) -> None:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    torch = pytest.importorskip("torch")
    sums = []
    for path in ("batched", "per_sample"):
        engine = started("data_loading", {"path": path, "batch_size": 50}, files)
        engine.begin_epoch()
        batches = [engine.fetch(step) for step in range(engine.steps_per_epoch)]
        assert batches[0][0].shape == (50, 1, 28, 28)
        sums.append(torch.cat([images.sum((1, 2, 3)) for images, _ in batches]).sort().values)
    assert torch.allclose(*sums, rtol=1e-4, atol=1e-2)


def test_resnet18_learns_a_batch_by_heart(files: DataFiles) -> None:
    changes = {"train_samples": 4, "steps_per_epoch": 8, "augment": False, "learning_rate": 0.02}
    engine = started("resnet18_cifar10", changes, files)
    engine.begin_epoch()
    losses = [engine.update(engine.fetch(step)) for step in range(engine.steps_per_epoch)]
    first, *_, last = engine.read_losses(losses)
    assert last < 0.5 * first


def test_lower_precision_changes_the_products_and_not_the_parameters(files: DataFiles) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    losses = []
    for precision in ("float32", "bfloat16"):
        module = load_workload(str(BENCH / "resnet18_cifar10.py"))
        torch.manual_seed(1)
        training = module.build(resolve(module.PARAMETERS, (("precision", precision),)))
        inputs, targets = torch.randn(4, 3, 8, 8), torch.arange(4)
        outputs = training.model(inputs)
        loss = training.loss(outputs, targets)
        loss.backward()
        assert outputs.dtype == torch.float32
        assert {each.grad.dtype for each in training.model.parameters()} == {torch.float32}
        losses.append(loss.detach())
    assert not torch.equal(*losses)
    assert torch.allclose(*losses, rtol=0.05)
