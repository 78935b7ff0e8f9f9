"""Bilinear resizing of small images, the same to the bit on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def weights(source: int, target: int) -> NDArray[np.float64]:
    """Return the (target, source) matrix of bilinear weights, pixel centres aligned.

    Output pixel i lies at (i + 1/2) * source / target - 1/2, clamped to the image.
    """
    centres = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    below = np.minimum(centres.astype(int), source - 2)
    matrix = np.zeros((target, source))
    rows = np.arange(target)
    matrix[rows, below] = 1 - (centres - below)
    matrix[rows, below + 1] += centres - below
    return matrix


def resize(images: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return uint8 images (n, *size) from (n, h, w), rounded to the nearest.

    Colour images (n, h, w, channels) are resized channel by channel.
    """
    if images.shape[1:3] == size:
        return images
    if images.ndim == 4:
        return np.stack([resize(images[..., c], size) for c in range(images.shape[3])], axis=-1)
    rows, columns = weights(images.shape[1], size[0]), weights(images.shape[2], size[1])
    # einsum without optimisation adds in a fixed order: BLAS would round differently by machine.
    half = np.einsum("ij,njk->nik", rows, images.astype(np.float64), optimize=False)
    full = np.einsum("nik,lk->nil", half, columns, optimize=False)
    # A hair below one half: a tie must not be decided by the last bit of a sum.
    rounded: NDArray[np.uint8] = np.floor(np.clip(full, 0, 255) + (0.5 - 1e-9)).astype(np.uint8)
    return rounded
