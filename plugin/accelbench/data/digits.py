"""digits: 1,797 real handwritten digits, 8 x 8, embedded in the package.

They are the test part of the Optical Recognition of Handwritten Digits set (UCI Machine Learning
Repository, CC BY 4.0), the ones that scikit-learn ships as `load_digits`; see NOTICE.
"""

from __future__ import annotations

import io
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from accelbench.data.dataset import DataDamagedError, DataSet, Size, sha256

if TYPE_CHECKING:
    from accelbench.data.dataset import Images

TRAIN, TEST = 1437, 360
FILE = "digits.npz"
SHA256 = "b2dab7b501728c22e9119ad76740b2e17c77a231e42d1e592380d90886f1a05e"


def decode(_root: Path, size: Size) -> dict[str, Images]:
    """Return the fixed split, 1,437 to train and 360 to test, scaled from 0..16 to 0..255."""
    import numpy as np

    from accelbench.data.resize import resize

    packed = files("accelbench.data").joinpath(FILE).read_bytes()
    if sha256(packed) != SHA256:
        raise DataDamagedError(
            f"{FILE} in the installed package has SHA-256 {sha256(packed)[:12]}…, not "
            f"{SHA256[:12]}…: install pytest-accelbench again"
        )
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    # The writers come one after the other in the file: a fixed shuffle mixes them over the split.
    order = np.random.RandomState(0).permutation(len(labels))
    images = resize(np.rint(images[order] * (255 / 16)).astype(np.uint8), size)
    return {
        "train_images": images[:TRAIN],
        "train_labels": labels[order][:TRAIN],
        "test_images": images[TRAIN:],
        "test_labels": labels[order][TRAIN:],
    }


DATASET = DataSet(name="digits", classes=10, source="embedded", decode=decode)
