"""The PyTorch way to train: order of the data, seeds, modes. Runs on Python 3.8 and torch 2.0 too.

torch is imported inside the tests: collecting them costs nothing.
"""

# ruff: noqa: ANN401  # torch is imported late: it has no types here

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from accelbench.records import DataFiles, Job, RunSpec
from accelbench.workers.engine import Params

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DataFiles:
    """A decoded data set of 50 + 20 random images, 6 x 6, whose first pixel tells which it is."""
    folder = tmp_path_factory.mktemp("set")
    draw = np.random.RandomState(0)
    for part, count in (("train", 50), ("test", 20)):
        images = draw.randint(0, 256, (count, 6, 6)).astype(np.uint8)
        images[:, 0, 0] = np.arange(count)
        np.save(str(folder / f"{part}_images.npy"), images)
        np.save(str(folder / f"{part}_labels.npy"), (np.arange(count) % 10).astype(np.uint8))
    return DataFiles("made", "0" * 16, str(folder))


def workload(torch: Any, **changes: Any) -> Any:
    """Return a workload file's content: dropout, so that modes and seeds show."""
    from accelbench.workers.workload import Training

    def build(params: Params) -> Training:
        given = {
            "model": torch.nn.Sequential(
                torch.nn.Conv2d(1, 4, 3),
                torch.nn.ReLU(),
                torch.nn.Flatten(),
                torch.nn.Dropout(0.5),
                torch.nn.Linear(64, 10),
            ),
            "loss": torch.nn.functional.cross_entropy,
            "optimizer": lambda parameters: torch.optim.SGD(parameters, 0.05),
            **changes,
        }
        return Training(**given)

    return SimpleNamespace(NORMALISE=(0.0, 1.0), build=build)


def job(files: DataFiles, seed: int = 1) -> Job:
    return Job(RunSpec("made", "cpu", "torch", "made", seed, 1), "made.py", "torch", files)


@pytest.fixture
def start(torch: Any, files: DataFiles) -> Start:
    """Starts a training: `start(seed=2, batch_size=8)`; more goes to the workload's Training."""
    from accelbench.workers.ways import torch as way

    def begin(seed: int = 1, batch_size: int = 8, train_samples: int = 0, **changes: Any) -> Any:
        params = Params({"batch_size": batch_size, "train_samples": train_samples})
        made = workload(torch, **changes)
        return way.start(job(files, seed), made, params, lambda _phase: None)

    return begin


def epoch(engine: Any) -> list[float]:
    """Train one epoch; return its losses."""
    engine.begin_epoch()
    losses = [engine.update(engine.fetch(step)) for step in range(engine.steps_per_epoch)]
    return list(engine.read_losses(losses))


def order(engine: Any) -> list[int]:
    """Return which image stands where in the epoch's batches."""
    engine.begin_epoch()
    batches = [engine.fetch(step)[0] for step in range(engine.steps_per_epoch)]
    return [round(float(image[0, 0, 0]) * 255) for batch in batches for image in batch]


# ------------------------------------------------------------------------------- order of the data
def test_each_epoch_is_a_permutation_and_no_two_are_equal(start: Start) -> None:
    engine = start(batch_size=10)
    first, second = order(engine), order(engine)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first != sorted(first)


def test_the_last_incomplete_batch_is_dropped(start: Start) -> None:
    engine = start(batch_size=8)
    assert engine.steps_per_epoch == 6
    seen = order(engine)
    assert len(seen) == len(set(seen)) == 48


def test_labels_stay_with_their_images(start: Start) -> None:
    engine = start()
    engine.begin_epoch()
    for step in range(engine.steps_per_epoch):
        images, labels = engine.fetch(step)
        which = (images[:, 0, 0, 0] * 255).round().long()
        assert labels.tolist() == (which % 10).tolist()


def test_the_order_follows_from_the_seed_and_not_from_what_else_is_drawn(
    torch: Any, start: Start
) -> None:
    one, two = start(seed=5), start(seed=5)
    assert order(one) == order(two)
    torch.rand(100)
    assert order(one) == order(two)
    assert order(start(seed=6)) != order(start(seed=5))


def test_a_workload_that_does_not_shuffle_keeps_the_order_of_the_file(start: Start) -> None:
    engine = start(batch_size=10, shuffles=False)
    assert order(engine) == order(engine) == list(range(50))


def test_an_epoch_of_stated_steps_cycles_over_the_set(start: Start) -> None:
    engine = start(batch_size=20, steps_per_epoch=6)
    seen = order(engine)
    assert len(seen) == 120
    assert sorted(seen[:50]) == sorted(seen[50:100]) == list(range(50))
    assert len(set(seen[100:])) == 20


def test_fewer_training_samples_are_the_first_ones(start: Start) -> None:
    assert sorted(order(start(batch_size=10, train_samples=30))) == list(range(30))


@pytest.mark.parametrize("changes", [{"batch_size": 51}, {"batch_size": 8, "train_samples": 7}])
def test_a_batch_larger_than_the_set_is_an_error_that_names_both(
    start: Start, changes: dict[str, int]
) -> None:
    count = changes.get("train_samples", 50)
    batch = changes["batch_size"]
    with pytest.raises(ValueError, match=f"batch_size {batch} exceeds the {count} training"):
        start(**changes)


# --------------------------------------------------------------------------------- seeds and losses
def test_equal_seeds_give_losses_equal_to_the_last_bit(start: Start) -> None:
    def training() -> list[Any]:
        engine = start(seed=3)
        return [(epoch(engine), engine.evaluate()) for _ in range(3)]

    # One after the other: dropout draws from the process's own generator, which `start` seeds.
    assert training() == training()


def test_another_seed_gives_other_losses(start: Start) -> None:
    assert epoch(start(seed=3)) != epoch(start(seed=4))


def test_training_learns_and_losses_stay_tensors_until_they_are_read(
    torch: Any, start: Start
) -> None:
    engine = start(batch_size=10)
    before = engine.evaluate().loss
    engine.begin_epoch()
    loss = engine.update(engine.fetch(0))
    assert isinstance(loss, torch.Tensor)
    assert not loss.requires_grad
    for _ in range(20):
        epoch(engine)
    assert engine.evaluate().loss < before


# -------------------------------------------------------------------------------------- evaluation
def test_evaluation_is_without_dropout_and_training_goes_on_with_it(start: Start) -> None:
    engine = start()
    assert engine.evaluate() == engine.evaluate()
    assert engine._module.training
    engine.begin_epoch()
    images, _ = engine.fetch(0)
    assert not engine._module(images).equal(engine._module(images))


def test_evaluation_is_the_mean_over_the_test_set_however_it_is_batched(start: Start) -> None:
    whole = start(test_batch=1000).evaluate()
    parts = start(test_batch=7).evaluate()
    assert whole.samples == parts.samples == 20
    assert parts.loss == pytest.approx(whole.loss, rel=1e-6)
    assert parts.accuracy == whole.accuracy


def test_evaluation_agrees_with_the_model_applied_by_hand(
    torch: Any, start: Start, files: DataFiles
) -> None:
    engine = start()
    found = engine.evaluate()
    images = np.load(files.directory + "/test_images.npy").astype(np.float32) / 255
    labels = torch.from_numpy(np.load(files.directory + "/test_labels.npy").astype(np.int64))
    engine._module.eval()
    with torch.no_grad():
        outputs = engine._module(torch.from_numpy(images)[:, None])
    loss = torch.nn.functional.cross_entropy(outputs, labels)
    assert found.loss == pytest.approx(float(loss), rel=1e-5)
    assert found.accuracy == pytest.approx(float((outputs.argmax(1) == labels).float().mean()))


def test_a_workload_that_does_not_classify_has_a_loss_and_no_accuracy(
    torch: Any, start: Start
) -> None:
    from accelbench.workers.ways import torch as way
    from accelbench.workers.workload import Tensors, Training

    inputs = torch.tensor([[1.0], [2.0]])
    tensors = Tensors(inputs, 2 * inputs, inputs, 2 * inputs)
    made: Any = SimpleNamespace(
        data=lambda _params: tensors,
        build=lambda _params: Training(
            model=torch.nn.Linear(1, 1),
            loss=lambda outputs, targets: ((outputs - targets) ** 2).sum(),
            optimizer=lambda parameters: torch.optim.SGD(parameters, 0.1),
            classifies=False,
        ),
    )
    spec = RunSpec("made", "cpu", "torch", "inline", 1, 1)
    engine = way.start(
        Job(spec, "made.py", "torch", None), made, Params({"batch_size": 2}), lambda _phase: None
    )
    found = engine.evaluate()
    weight, bias = (float(each.detach()) for each in engine._module.parameters())
    by_hand = sum((weight * x + bias - 2 * x) ** 2 for x in (1.0, 2.0))
    assert found.loss == pytest.approx(by_hand, rel=1e-6)
    assert (found.accuracy, found.samples) == (None, 2)


# ------------------------------------------------------------------------------------------- set-up
def test_channels_last_reaches_the_weights(torch: Any, start: Start) -> None:
    def format_of(engine: Any) -> bool:
        weight = next(iter(engine._module.parameters()))
        return bool(weight.is_contiguous(memory_format=torch.channels_last))

    images = {"model": torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.Flatten())}
    assert format_of(start(memory_format=torch.channels_last, **images))
    assert not format_of(start(model=torch.nn.Conv2d(2, 4, 3)))


def test_pixels_are_scaled_and_normalised_once(torch: Any, files: DataFiles) -> None:
    from accelbench.workers.ways import torch as way

    made = workload(torch)
    made.NORMALISE = (0.5, 0.25)
    params = Params({"batch_size": 50, "train_samples": 0})
    engine = way.start(job(files), made, params, lambda _phase: None)
    engine.begin_epoch()
    images, _ = engine.fetch(0)
    stored = np.load(files.directory + "/train_images.npy").astype(np.float64)
    expected = (stored / 255 - 0.5) / 0.25
    assert images.shape == (50, 1, 6, 6)
    assert images.dtype == torch.float32
    assert float(images.double().mean()) == pytest.approx(float(expected.mean()), abs=1e-5)
    assert float(images.max()) == pytest.approx(float(expected.max()), abs=1e-5)


def test_the_data_phase_begins_once_the_model_is_built(torch: Any, files: DataFiles) -> None:
    from accelbench.workers.ways import torch as way

    said: list[str] = []
    made = workload(torch)
    build = made.build

    def noted(params: Params) -> Any:
        said.append("build")
        return build(params)

    made.build = noted
    way.start(job(files), made, Params({"batch_size": 8}), said.append)
    assert said == ["build", "data"]


def test_only_parameters_that_are_trained_are_counted(torch: Any, start: Start) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 10))
    model[1].bias.requires_grad_(False)
    assert start(model=model).parameters == 360


def test_the_treatment_names_version_and_threads_in_builtin_types(torch: Any, start: Start) -> None:
    from accelbench.workers import host

    found = dict(start().treatment())
    assert found == {"framework_version": str(torch.__version__), "threads": host.usable_cores()}
    assert type(found["framework_version"]) is str


def test_an_optimizer_is_fused_where_torch_can_and_trains_alike_where_not(torch: Any) -> None:
    from accelbench.workers.workload import fused

    def weights(make: Callable[..., Any]) -> Any:
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 4)
        optimizer = make(torch.optim.Adam, layer.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            layer(torch.ones(2, 4)).square().sum().backward()
            optimizer.step()
        return layer.weight.detach()

    plain = weights(lambda kind, parameters, **options: kind(parameters, **options))
    assert torch.allclose(weights(fused), plain, atol=1e-6)
