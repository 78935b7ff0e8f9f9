"""MNIST's files are checked before they are used; what is wrong names the command that helps."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from accelbench.data import DataDamagedError, DataMissingError, mnist


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A root with links to the real files, which a test may replace."""
    root = Path(os.environ.get("ACCELBENCH_DATA", "/nonexistent"))
    if not (root / mnist.FOLDER / "train-images-idx3-ubyte").is_file():
        pytest.skip("the real MNIST is not here: set ACCELBENCH_DATA to the folder that holds it")
    (tmp_path / mnist.FOLDER).mkdir(parents=True)
    for name, _ in mnist.FILES.values():
        (tmp_path / mnist.FOLDER / name).symlink_to(root / mnist.FOLDER / name)
    return tmp_path


def test_a_missing_file_names_the_file_the_folder_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError) as caught:
        mnist.decode(tmp_path, (28, 28))
    assert str(caught.value) == (
        f"data set mnist is not in {tmp_path} (MNIST/raw/train-images-idx3-ubyte is missing): "
        "run `accelbench data fetch mnist`, or set ACCELBENCH_DATA to where it lies"
    )


def test_a_file_of_the_wrong_hash_names_both_and_the_command(tmp_path: Path) -> None:
    path = tmp_path / mnist.FOLDER / "train-images-idx3-ubyte"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\0\0\x08\x03 not the digits")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DataDamagedError) as caught:
        mnist.decode(tmp_path, (28, 28))
    assert str(caught.value) == (
        f"{path} (19 bytes) has SHA-256 {found[:12]}…, not ba891046e650…: "
        "delete it and run `accelbench data fetch mnist`"
    )


@pytest.mark.mnist
@pytest.mark.parametrize("array", sorted(mnist.FILES))
def test_a_truncated_file_is_named_with_the_command(real: Path, array: str) -> None:
    path = real / mnist.FOLDER / mnist.FILES[array][0]
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1])
    with pytest.raises(DataDamagedError, match="run `accelbench data fetch mnist`") as caught:
        mnist.decode(real, (28, 28))
    assert f"{path} ({len(content) - 1} bytes)" in str(caught.value)


@pytest.mark.mnist
def test_the_real_files_give_60000_and_10000_digits(real: Path) -> None:
    arrays = mnist.decode(real, (28, 28))
    assert arrays["train_images"].shape == (60000, 28, 28)
    assert arrays["test_images"].shape == (10000, 28, 28)
    # Counts of each digit, as published with the set.
    assert np.bincount(arrays["train_labels"]).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(arrays["test_labels"]).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    # The mean and deviation that everybody normalises by.
    assert arrays["train_images"].mean() / 255 == pytest.approx(0.1307, abs=1e-4)
    assert arrays["train_images"].std() / 255 == pytest.approx(0.3081, abs=1e-4)
