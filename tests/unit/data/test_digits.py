"""The embedded digits are scikit-learn's, in a fixed order, on a scale of 0 to 255."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelbench.data import DataDamagedError, dataset, digits, prepare

FINGERPRINT = "8326d3b38a98f8a6"
"""Of digits at 28 x 28. Whoever changes it makes every stored reference run incomparable."""


def test_digits_are_those_of_scikit_learn_shuffled_and_scaled() -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    images, labels = datasets.load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(labels))
    scaled = np.rint(images[order] * 255 / 16).astype(np.uint8).reshape(-1, 8, 8)
    found = digits.decode(Path("unused"), (8, 8))
    assert np.array_equal(np.concatenate([found["train_images"], found["test_images"]]), scaled)
    both = np.concatenate([found["train_labels"], found["test_labels"]])
    assert np.array_equal(both, labels[order])


def test_the_split_is_1437_to_train_and_360_to_test_with_all_ten_digits() -> None:
    found = digits.decode(Path("unused"), (28, 28))
    assert {name: each.shape for name, each in found.items()} == {
        "train_images": (1437, 28, 28),
        "train_labels": (1437,),
        "test_images": (360, 28, 28),
        "test_labels": (360,),
    }
    assert {each.dtype for each in found.values()} == {np.dtype(np.uint8)}
    for part in ("train", "test"):
        counts = np.bincount(found[f"{part}_labels"])
        assert len(counts) == 10
        assert counts.min() > 0.7 * counts.mean()
    assert (found["train_images"].min(), found["train_images"].max()) == (0, 255)


def test_the_fingerprint_of_the_suites_input_never_changes(tmp_path: Path, home: Path) -> None:
    assert prepare(dataset("digits"), tmp_path, (28, 28)).fingerprint == FINGERPRINT


def test_another_size_is_another_data_set(tmp_path: Path, home: Path) -> None:
    files = prepare(dataset("digits"), tmp_path, (8, 8))
    assert files.fingerprint != FINGERPRINT
    assert files.directory == str(tmp_path / "decoded" / "digits-8x8")


def test_a_damaged_package_names_the_file_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "SHA256", "0" * 64)
    with pytest.raises(DataDamagedError, match=r"digits\.npz .* install pytest-accelbench again"):
        digits.decode(Path("unused"), (8, 8))
