"""A decoded data set is mapped, not read, and never unpickled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelbench.records import DataFiles
from accelbench.workers.arrays import open_arrays


@pytest.fixture
def files(tmp_path: Path) -> DataFiles:
    for part, count in (("train", 7), ("test", 3)):
        images = np.full((count, 2, 2), count, np.uint8)
        np.save(str(tmp_path / f"{part}_images.npy"), images)
        np.save(str(tmp_path / f"{part}_labels.npy"), np.arange(count, dtype=np.uint8))
    return DataFiles("made", "0" * 16, str(tmp_path))


def test_all_four_arrays_are_mapped_from_their_files(files: DataFiles) -> None:
    arrays = open_arrays(files, 0)
    assert arrays.train_images.shape == (7, 2, 2)
    assert arrays.test_images.shape == (3, 2, 2)
    assert arrays.train_labels.tolist() == list(range(7))
    assert arrays.test_labels.tolist() == list(range(3))
    assert isinstance(arrays.train_images, np.memmap)
    assert not arrays.train_images.flags.writeable


@pytest.mark.parametrize(("wanted", "kept"), [(0, 7), (5, 5), (7, 7), (100, 7)])
def test_fewer_training_samples_are_the_first_ones(
    files: DataFiles, wanted: int, kept: int
) -> None:
    arrays = open_arrays(files, wanted)
    assert len(arrays.train_images) == len(arrays.train_labels) == kept
    assert len(arrays.test_images) == 3


def test_pickled_objects_are_refused(files: DataFiles) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    np.save(str(Path(files.directory) / "test_labels.npy"), objects, allow_pickle=True)
    with pytest.raises(ValueError, match=r"Python objects|allow_pickle"):
        open_arrays(files, 0)
