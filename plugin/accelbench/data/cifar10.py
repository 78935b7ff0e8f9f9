"""cifar10: 50,000 + 10,000 images of ten classes, 32 x 32 in colour, fetched through torchvision.

The archive is the authors' binary version, which holds plain bytes: the Python version that
torchvision itself reads would have to be unpickled. It is checked by its SHA-256 and read in place.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from accelbench.data.dataset import DataSet, Size, checked

if TYPE_CHECKING:
    from accelbench.data.dataset import Images

ARCHIVE = Path("cifar10", "cifar-10-binary.tar.gz")
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
TRAIN = tuple(f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6))
TEST = ("cifar-10-batches-bin/test_batch.bin",)
RECORD = 1 + 3 * 32 * 32
"""Bytes of an image: its label, then 32 x 32 reds, greens and blues."""


def fetch(root: Path) -> None:
    """Download the archive with torchvision into `root`."""
    from torchvision.datasets.utils import download_url  # noqa: TID251  # fetching may

    folder = root / ARCHIVE.parent
    folder.mkdir(parents=True, exist_ok=True)
    download_url(URL, str(folder), ARCHIVE.name)


def decode(root: Path, size: Size) -> dict[str, Images]:
    """Check the archive and return images (n, height, width, 3) and labels, in its own order."""
    from accelbench.data.resize import resize

    path = checked(root, ARCHIVE, SHA256, "cifar10")
    with tarfile.open(path) as archive:
        parts = {"train": _part(archive, TRAIN), "test": _part(archive, TEST)}
    arrays: dict[str, Images] = {}
    for part, (images, labels) in parts.items():
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = resize(images, size), labels
    return arrays


def _part(archive: tarfile.TarFile, members: tuple[str, ...]) -> tuple[Images, Images]:
    import numpy as np

    contents = []
    for name in members:
        file = archive.extractfile(name)
        assert file is not None, name  # a regular file, by the archive's hash
        contents.append(np.frombuffer(file.read(), np.uint8))
    records = np.concatenate(contents).reshape(-1, RECORD)
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, 0].copy()


DATASET = DataSet(
    name="cifar10",
    classes=10,
    source="torchvision",
    decode=decode,
    fetch=fetch,
    parts=(ARCHIVE,),
    size=(32, 32),
)
