"""Resizing agrees, pixel by pixel, with bilinear interpolation done in exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelbench.data.resize import resize, weights


def at(position: int, source: int, target: int) -> tuple[int, int, Fraction]:
    """Return the two source pixels around an output pixel's centre, and the second's share."""
    centre = Fraction(2 * position + 1, 2) * source / target - Fraction(1, 2)
    centre = min(max(centre, Fraction(0)), Fraction(source - 1))
    below = math.floor(centre)
    return below, min(below + 1, source - 1), centre - below


def bilinear(image: list[list[int]], size: tuple[int, int]) -> list[list[int]]:
    """Return one image resized, every pixel by itself; a tie is rounded down."""
    result = []
    for row in range(size[0]):
        top, bottom, down = at(row, len(image), size[0])
        line = []
        for column in range(size[1]):
            left, right, across = at(column, len(image[0]), size[1])
            upper = image[top][left] * (1 - across) + image[top][right] * across
            lower = image[bottom][left] * (1 - across) + image[bottom][right] * across
            line.append(math.ceil(upper * (1 - down) + lower * down - Fraction(1, 2)))
        result.append(line)
    return result


SIDES = st.integers(1, 9)


@st.composite
def images(draw: st.DrawFn) -> NDArray[np.uint8]:
    height, width = draw(SIDES), draw(SIDES)
    pixels = draw(st.binary(min_size=height * width, max_size=height * width))
    return np.frombuffer(pixels, np.uint8).reshape(1, height, width)


@given(images(), st.tuples(SIDES, SIDES))
@settings(max_examples=150)
def test_any_image_and_size_agrees_with_exact_fractions(
    image: NDArray[np.uint8], size: tuple[int, int]
) -> None:
    assert resize(image, size)[0].tolist() == bilinear(image[0].tolist(), size)


def test_the_suites_own_resizing_agrees_with_exact_fractions() -> None:
    image = np.random.RandomState(1).randint(0, 256, (2, 8, 8)).astype(np.uint8)
    found = resize(image, (28, 28))
    assert found.dtype == np.uint8
    assert found.tolist() == [bilinear(each.tolist(), (28, 28)) for each in image]


def test_images_of_the_right_size_are_left_as_they_are() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    assert resize(image, (3, 4)) is image


@pytest.mark.parametrize(("source", "target"), [(8, 28), (28, 8), (1, 5), (5, 1), (2, 2)])
def test_the_weights_of_every_pixel_sum_to_one(source: int, target: int) -> None:
    matrix = weights(source, target)
    assert matrix.shape == (target, source)
    assert np.allclose(matrix.sum(1), 1)
    assert (matrix >= 0).all()


def test_colour_is_resized_channel_by_channel() -> None:
    image = np.random.RandomState(2).randint(0, 256, (2, 5, 7, 3)).astype(np.uint8)
    found = resize(image, (4, 9))
    assert found.shape == (2, 4, 9, 3)
    for channel in range(3):
        assert np.array_equal(found[..., channel], resize(image[..., channel], (4, 9)))
    assert resize(image, (5, 7)) is image
