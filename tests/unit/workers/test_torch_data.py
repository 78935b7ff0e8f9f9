"""What a PyTorch training is fed: normalised images, and the same order over any number of ranks.

torch is imported inside the tests: collecting them costs nothing.
"""

# ruff: noqa: ANN401  # torch is imported late: it has no types here

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from accelbench.workers.arrays import Arrays

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeFeed = Callable[..., Any]

COUNT = 50


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


def arrays(*shape: int) -> Arrays:
    """Return random images, 7 to train and 3 to test, of a shape."""
    draw = np.random.RandomState(0)
    train, test = (draw.randint(0, 256, (n, *shape)).astype(np.uint8) for n in (7, 3))
    return Arrays(train, np.arange(7, dtype=np.uint8), test, np.arange(3, dtype=np.uint8))


# ------------------------------------------------------------------------------------------- images
def test_grey_images_are_normalised_to_one_channel(torch: Any) -> None:
    from accelbench.workers.torch_data import resident

    made = arrays(5, 4)
    found = resident(made, 0.1307, 0.3081)
    assert found.train_inputs.shape == (7, 1, 5, 4)
    assert found.train_inputs.dtype == torch.float32
    # Bit for bit what every stored baseline was trained on.
    pixels = torch.from_numpy(made.train_images.astype(np.float32))
    expected = pixels.div_(255.0).sub_(0.1307).div_(0.3081).unsqueeze_(1)
    assert torch.equal(found.train_inputs, expected)
    assert found.train_inputs.stride() == expected.stride()
    assert found.test_targets.tolist() == [0, 1, 2]


def test_colour_images_are_normalised_channel_by_channel(torch: Any) -> None:
    from accelbench.workers.torch_data import resident

    made = arrays(5, 4, 3)
    mean, deviation = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
    found = resident(made, mean, deviation)
    assert found.train_inputs.shape == (7, 3, 5, 4)
    expected = (made.train_images / 255 - np.array(mean)) / np.array(deviation)
    assert np.allclose(found.train_inputs.numpy(), expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_grey_images_are_repeated_for_a_workload_that_takes_colour(torch: Any) -> None:
    from accelbench.workers.torch_data import resident

    found = resident(arrays(5, 4), (0.0, 0.0, 0.5), (1.0, 1.0, 0.5)).test_inputs
    assert found.shape == (3, 3, 5, 4)
    assert torch.equal(found[:, 0], found[:, 1])
    assert torch.allclose(found[:, 2], found[:, 0] * 2 - 1, atol=1e-6)


def test_colour_for_a_workload_that_takes_grey_is_an_error(torch: Any) -> None:
    from accelbench.workers.torch_data import resident

    with pytest.raises(ValueError, match="images have 3 channels, the workload's NORMALISE 1: cho"):
        resident(arrays(5, 4, 3), 0.1307, 0.3081)


# -------------------------------------------------------------------------------------------- ranks
@pytest.fixture
def feed(torch: Any) -> MakeFeed:
    """Makes a feed of 50 samples, whose inputs and targets say which they are."""
    from accelbench.workers.torch_data import Batches, Feed
    from accelbench.workers.workload import Tensors

    def make(batch_size: int, augment: Any = None, **changes: Any) -> Any:
        inputs = torch.arange(float(COUNT))[:, None]
        tensors = Tensors(inputs, inputs[:, 0].long(), inputs[:4], inputs[:4, 0].long())
        batches = Batches(batch_size, **{"seed": 3, **changes})
        return Feed(tensors, torch.device("cpu"), batches, augment)

    return make


def epoch(feed: Any) -> list[list[int]]:
    """Return the targets of each step of the next epoch."""
    feed.begin_epoch()
    return [feed.fetch(step)[1].tolist() for step in range(feed.steps_per_epoch)]


def test_one_rank_trains_on_the_order_that_the_seed_alone_gives(torch: Any, feed: MakeFeed) -> None:
    found = feed(8)
    generator = torch.Generator().manual_seed(3)
    for _ in range(2):
        order = torch.randperm(COUNT, generator=generator)
        assert epoch(found) == order[:48].view(6, 8).tolist()


@pytest.mark.parametrize("shuffles", [True, False])
@pytest.mark.parametrize("steps", [None, 9])
@pytest.mark.parametrize("world", [2, 3])
def test_ranks_side_by_side_take_what_one_takes_in_batches_of_all(
    feed: MakeFeed, world: int, steps: int | None, shuffles: bool
) -> None:
    how = {"shuffles": shuffles, "steps_per_epoch": steps}
    alone = feed(4 * world, **how)
    ranks = [feed(4, rank=rank, world=world, **how) for rank in range(world)]
    assert {each.steps_per_epoch for each in ranks} == {alone.steps_per_epoch}
    assert {(each.batch_size, each.samples_per_step) for each in ranks} == {(4, 4 * world)}
    for _ in range(2):
        whole, shares = epoch(alone), [epoch(each) for each in ranks]
        for step in range(alone.steps_per_epoch):
            assert whole[step] == list(chain(*(share[step] for share in shares)))


def test_a_step_larger_than_the_set_names_batch_and_replicas(feed: MakeFeed) -> None:
    said = "batch_size 26 on each of 2 replicas exceeds the 50 training samples"
    with pytest.raises(ValueError, match=said):
        feed(26, world=2)


# ------------------------------------------------------------------------------------- augmentation
def test_augmentation_changes_inputs_and_neither_order_nor_targets(
    torch: Any, feed: MakeFeed
) -> None:
    from accelbench.workers.workload import Augmentation

    seen = []

    def shift(inputs: Any, draws: Any) -> Any:
        seen.append(draws)
        return inputs + draws.sum(1, keepdim=True)

    augmented, plain = feed(8, Augmentation(2, shift)), feed(8)
    assert epoch(augmented) == epoch(plain)
    assert epoch(augmented) == epoch(plain)
    changed, targets = augmented.fetch(0)
    assert torch.allclose(changed[:, 0], targets + seen[-1].sum(1))
    draws = torch.cat(seen[:12])
    assert draws.shape == (96, 2)
    assert len(draws.unique()) > 180
    assert (float(draws.min()), float(draws.max())) == pytest.approx((0, 1), abs=0.05)


def test_a_samples_change_does_not_depend_on_how_many_ranks_there_are(
    torch: Any, feed: MakeFeed
) -> None:
    from accelbench.workers.workload import Augmentation

    shift = Augmentation(1, lambda inputs, draws: inputs + draws)
    alone = feed(8, shift)
    ranks = [feed(4, shift, rank=rank, world=2) for rank in range(2)]
    for each in (alone, *ranks):
        each.begin_epoch()
    for step in range(alone.steps_per_epoch):
        parts = [each.fetch(step)[0] for each in ranks]
        assert torch.equal(alone.fetch(step)[0], torch.cat(parts))


def test_equal_seeds_augment_alike_and_others_do_not(torch: Any, feed: MakeFeed) -> None:
    from accelbench.workers.workload import Augmentation

    def first(seed: int) -> Any:
        found = feed(8, Augmentation(1, lambda _inputs, draws: draws), seed=seed)
        found.begin_epoch()
        return found.fetch(0)[0]

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))
