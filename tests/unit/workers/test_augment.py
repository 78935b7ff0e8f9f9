"""Crop and flip of a whole batch do to each image what padding, slicing and flipping it would."""

# ruff: noqa: ANN401  # torch is imported late: it has no types here

from __future__ import annotations

from typing import Any

import pytest

FILL = (-2.5, -2.25, 4.0)


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


def one_by_one(torch: Any, images: Any, places: list[tuple[int, int, bool]]) -> Any:
    """Return each image padded by 4, cut out at (top, left), and flipped or not."""
    done = []
    pad = torch.nn.functional.pad
    for number, (top, left, flipped) in enumerate(places):
        image = images[number]
        channels = [pad(image[c], (4, 4, 4, 4), value=FILL[c]) for c in range(len(image))]
        padded = torch.stack(channels)
        cut = padded[:, top : top + image.shape[1], left : left + image.shape[2]]
        done.append(cut.flip(2) if flipped else cut)
    return torch.stack(done)


def test_every_place_and_both_sides_are_those_of_padding_and_slicing(torch: Any) -> None:
    from accelbench.workers.augment import crop_and_flip

    places = [(top, left, side) for top in range(9) for left in range(9) for side in (True, False)]
    images = torch.randn(len(places), 3, 10, 12)
    draws = torch.tensor(
        [[(t + 0.5) / 9, (left + 0.5) / 9, 0.25 if side else 0.75] for t, left, side in places]
    )
    found = crop_and_flip(4, FILL).apply(images, draws)
    assert torch.equal(found, one_by_one(torch, images, places))


def test_the_ends_of_the_uniform_numbers_stay_inside(torch: Any) -> None:
    from accelbench.workers.augment import crop_and_flip

    images = torch.randn(2, 3, 8, 8)
    ends = torch.tensor([[0.0] * 3, [1 - 2.0**-24] * 3])  # the largest that torch.rand gives
    found = crop_and_flip(4, FILL).apply(images, ends)
    assert torch.equal(found, one_by_one(torch, images, [(0, 0, True), (8, 8, False)]))


def test_images_in_any_memory_format_come_out_alike(torch: Any) -> None:
    from accelbench.workers.augment import crop_and_flip

    augmentation = crop_and_flip(4, FILL)
    images, draws = torch.randn(5, 3, 8, 8), torch.rand(5, augmentation.draws)
    last = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(augmentation.apply(last, draws), augmentation.apply(images, draws))


def test_nothing_padded_is_at_most_flipped(torch: Any) -> None:
    from accelbench.workers.augment import crop_and_flip

    images = torch.randn(4, 1, 8, 8)
    draws = torch.tensor([[0.1, 0.9, 0.2], [0.1, 0.9, 0.8], [0.5, 0.5, 0.0], [0.0, 0.0, 0.5]])
    found = crop_and_flip(0, (0.0,)).apply(images, draws)
    expected = torch.stack([images[0].flip(2), images[1], images[2].flip(2), images[3]])
    assert torch.equal(found, expected)
