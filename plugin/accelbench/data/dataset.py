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
    `ARRAYS`, images resized to (height, width); grey ones are (n, height, width), colour ones have
    a fourth axis of 3. `fetch(root)` downloads them; None: there is nothing to download.
    `parts` are the files or folders under the root that it is decoded from; `size` is the one in
    which it is prepared where no workload asks. `identify(root, size)` is its fingerprint; None:
    that of the decoded arrays.
    """

    name: str
    classes: int
    source: str
    decode: Callable[[Path, Size], dict[str, Images]]
    fetch: Callable[[Path], None] | None = None
    parts: tuple[Path, ...] = ()
    size: Size = (28, 28)
    identify: Callable[[Path, Size], str] | None = None


_NOT_DATA_SETS = {"__init__", "cache", "dataset", "resize"}


def names() -> list[str]:
    """Return the names of all data sets, without importing them: a file's "_" is a name's "-"."""
    files = Path(__file__).parent.glob("*.py")
    stems = (file.stem for file in files if file.stem not in _NOT_DATA_SETS)
    return sorted(stem.replace("_", "-") for stem in stems)


def dataset(name: str) -> DataSet:
    """Return a data set by name; KeyError names those that exist."""
    if name not in names():
        raise KeyError(f"unknown data set {name!r}; known: {', '.join(names())}")
    module = name.replace("-", "_")
    found: DataSet = importlib.import_module(f"accelbench.data.{module}").DATASET
    return found


def checked(root: Path, relative: Path, expected: str, name: str) -> Path:
    """Return where a fetched file of a data set lies, its SHA-256 as expected.

    DataMissingError and DataDamagedError name the file and the command that fetches it.
    """
    path = root / relative
    if not path.is_file():
        raise DataMissingError(
            f"data set {name} is not in {root} ({relative} is missing): "
            f"run `accelbench data fetch {name}`, or set ACCELBENCH_DATA to where it lies"
        )
    found = sha256(path)
    if found != expected:
        raise DataDamagedError(
            f"{path} ({path.stat().st_size} bytes) has SHA-256 {found[:12]}…, not "
            f"{expected[:12]}…: delete it and run `accelbench data fetch {name}`"
        )
    return path


def sha256(content: Path | bytes) -> str:
    """Return the SHA-256 of a file or of bytes, in hex."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
