"""Reads a decoded data set: memory-mapped uint8 arrays, checked for size when they are opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from accelbench.records import DataFiles

Array = Any  # numpy's own generics need a newer Python than the oldest worker's


@dataclass(frozen=True)
class Arrays:
    """Images are uint8 of shape (n, height, width) or (n, height, width, 3), labels uint8 (n,)."""

    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array


def open_arrays(files: DataFiles, train_samples: int) -> Arrays:
    """Map a decoded data set; `train_samples` > 0 keeps the first that many of the training set."""

    def read(name: str) -> Array:
        return np.load(
            os.path.join(files.directory, name + ".npy"),  # noqa: PTH118  # numpy's own form
            mmap_mode="r",
            allow_pickle=False,
        )

    keep = train_samples or None
    return Arrays(
        read("train_images")[:keep],
        read("train_labels")[:keep],
        read("test_images"),
        read("test_labels"),
    )
