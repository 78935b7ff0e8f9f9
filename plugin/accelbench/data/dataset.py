"""What a data set is, and the registry: the files of this folder."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Images = NDArray[np.uint8]

Size = tuple[int, int]

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


class DataMissingError(Exception):
    """A data set is not on this machine; the message names the command that fetches it."""


class DataDamagedError(Exception):
    """A file of a data set is not what it should be; the message names it."""


@dataclass(frozen=True)
class DataSet:
    """A named data set.

    `decode(root, size)` checks the files under `root` and returns the four uint8 arrays of
    `ARRAYS`, images resized to (height, width). `fetch(root)` downloads them; None: embedded.
    """

    name: str
    classes: int
    source: str
    decode: Callable[[Path, Size], dict[str, Images]]
    fetch: Callable[[Path], None] | None = None


_NOT_DATA_SETS = {"__init__", "cache", "dataset", "resize"}


def names() -> list[str]:
    """Return the names of all data sets, without importing them."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(file.stem for file in files if file.stem not in _NOT_DATA_SETS)


def dataset(name: str) -> DataSet:
    """Return a data set by name; KeyError names those that exist."""
    if name not in names():
        raise KeyError(f"unknown data set {name!r}; known: {', '.join(names())}")
    found: DataSet = importlib.import_module(f"accelbench.data.{name}").DATASET
    return found


def sha256(content: Path | bytes) -> str:
    """Return the SHA-256 of a file or of bytes, in hex."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
