"""mnist: 60,000 + 10,000 handwritten digits, 28 x 28, fetched through torchvision.

The four files are checked against the SHA-256 of the original ones, decompressed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from accelbench.data.dataset import DataSet, Size, checked

if TYPE_CHECKING:
    from accelbench.data.dataset import Images

FOLDER = Path("MNIST", "raw")
FILES = {
    "train_images": (
        "train-images-idx3-ubyte",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train_labels": (
        "train-labels-idx1-ubyte",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "test_images": (
        "t10k-images-idx3-ubyte",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "test_labels": (
        "t10k-labels-idx1-ubyte",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


def fetch(root: Path) -> None:
    """Download MNIST with torchvision into `root`."""
    from torchvision.datasets import MNIST

    for train in (True, False):
        MNIST(str(root), train=train, download=True)


def decode(root: Path, size: Size) -> dict[str, Images]:
    """Check the four files and return their arrays; the message names a file that is wrong."""
    from accelbench.data.resize import resize

    arrays: dict[str, Images] = {}
    for array, (name, expected) in FILES.items():
        path = checked(root, FOLDER / name, expected, "mnist")
        arrays[array] = _idx(path)
    for array in ("train_images", "test_images"):
        arrays[array] = resize(arrays[array], size)
    return arrays


def _idx(path: Path) -> Images:
    """Return an IDX file of unsigned bytes: magic 0, 0, 8, dimensions; sizes; then the data."""
    import numpy as np

    content = path.read_bytes()
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape.tolist())


DATASET = DataSet(
    name="mnist",
    classes=10,
    source="torchvision",
    decode=decode,
    fetch=fetch,
    parts=tuple(FOLDER / name for name, _ in FILES.values()),
)
