"""CIFAR-10 as JPEG files: complete, in a fixed order, known by its files and not by its pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from accelbench.data import DataDamagedError, DataMissingError, cifar10_jpeg, dataset, prepare

FINGERPRINT = "852e1543608b96f6"
"""Of the one re-encoding known, at 32 x 32. Another one is allowed, and is another data set."""

SIZE = (32, 32)
COUNTS = {"train": 12, "test": 3}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small set: 12 + 3 images a class, each of one colour: (10 x class, 20 x number, 128)."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    monkeypatch.setattr(cifar10_jpeg, "PER_CLASS", COUNTS)
    for part, count in COUNTS.items():
        for label, name in enumerate(cifar10_jpeg.CLASSES):
            folder = tmp_path / "cifar10-jpeg" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.full((32, 32, 3), (10 * label, 20 * number, 128), np.uint8)
                image.fromarray(pixels).save(folder / f"{number:04d}.jpg", quality=95)
    return tmp_path


def file(root: Path, path: str) -> Path:
    return root / "cifar10-jpeg" / path


def test_images_are_in_colour_and_labels_by_sorted_class_name(root: Path) -> None:
    found = cifar10_jpeg.decode(root, SIZE)
    assert {name: each.shape for name, each in found.items()} == {
        "train_images": (120, 32, 32, 3),
        "train_labels": (120,),
        "test_images": (30, 32, 32, 3),
        "test_labels": (30,),
    }
    assert {each.dtype for each in found.values()} == {np.dtype(np.uint8)}
    assert list(cifar10_jpeg.CLASSES) == sorted(cifar10_jpeg.CLASSES)
    # Each image's colour tells its class and number: none is at another's place.
    for part, count in COUNTS.items():
        labels = found[f"{part}_labels"].astype(int)
        expected = np.stack([10 * labels, 20 * np.repeat(range(count), 10), 128 + 0 * labels], 1)
        colours = found[f"{part}_images"].mean((1, 2))
        assert np.abs(colours - expected).max() < 4


def test_the_first_images_hold_every_class_alike(root: Path) -> None:
    labels = cifar10_jpeg.decode(root, SIZE)["train_labels"]
    assert labels[:20].tolist() == [*range(10), *range(10)]


def test_colour_is_resized_too(root: Path) -> None:
    found = cifar10_jpeg.decode(root, (8, 8))
    assert found["train_images"].shape == (120, 8, 8, 3)
    whole = cifar10_jpeg.decode(root, SIZE)["train_images"]
    assert np.allclose(found["train_images"].mean((1, 2)), whole.mean((1, 2)), atol=1)


# ------------------------------------------------------------------------------------ what is wrong
def test_where_it_must_lie_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError) as caught:
        cifar10_jpeg.decode(tmp_path, SIZE)
    assert str(caught.value) == (
        f"data set cifar10-jpeg is not in {tmp_path} (cifar10-jpeg/train/airplane is missing): "
        "nothing fetches it; lay its folders cifar10-jpeg/{train,test}/CLASS/*.jpg there, or set "
        "ACCELBENCH_DATA to where they lie"
    )


@pytest.mark.parametrize(
    ("path", "said"), [("train/cat/0007.jpg", "0007.jpg"), ("test/cat/0002.jpg", "")]
)
def test_a_missing_file_is_named_where_numbers_tell_it(root: Path, path: str, said: str) -> None:
    missing = file(root, path)
    missing.unlink()
    wanted = COUNTS[path.partition("/")[0]]
    hole = f" ({said} is missing)" if said else ""
    with pytest.raises(DataDamagedError) as caught:
        cifar10_jpeg.decode(root, SIZE)
    assert str(caught.value) == (
        f"{missing.parent} holds {wanted - 1} .jpg files, not {wanted}{hole}: "
        "unpack cifar10-jpeg anew"
    )


def test_a_file_too_many_is_an_error(root: Path) -> None:
    file(root, "train/dog/0012.jpg").write_bytes(b"")
    with pytest.raises(DataDamagedError, match=r"train/dog holds 13 \.jpg files, not 12: unpack"):
        cifar10_jpeg.decode(root, SIZE)


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_an_unreadable_file_is_named(root: Path, damage: str) -> None:
    path = file(root, "test/ship/0001.jpg")
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"no image", "cut": whole[: len(whole) // 2]}[damage])
    with pytest.raises(DataDamagedError) as caught:
        cifar10_jpeg.decode(root, SIZE)
    assert str(caught.value).startswith(f"cannot read {path} (")
    assert str(caught.value).endswith("): unpack cifar10-jpeg anew")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "said"), [((32, 31, 3), "31 x 32 RGB"), ((32, 32), "32 x 32 L")], ids=["size", "grey"]
)
def test_an_image_of_another_kind_is_named(root: Path, shape: tuple[int, ...], said: str) -> None:
    from PIL import Image

    path = file(root, "train/frog/0003.jpg")
    Image.fromarray(np.zeros(shape, np.uint8)).save(path)
    with pytest.raises(DataDamagedError) as caught:
        cifar10_jpeg.decode(root, SIZE)
    expected = f"{path} is {said}, not 32 x 32 RGB: unpack cifar10-jpeg anew"
    assert str(caught.value) == expected


# -------------------------------------------------------------------------------------- fingerprint
def test_the_fingerprint_is_of_the_files_and_the_size(root: Path) -> None:
    first = cifar10_jpeg.identify(root, SIZE)
    assert cifar10_jpeg.identify(root, SIZE) == first
    assert cifar10_jpeg.identify(root, (8, 8)) != first
    path = file(root, "test/truck/0000.jpg")
    path.write_bytes(path.read_bytes() + b"\0")  # decodes to the same pixels
    assert cifar10_jpeg.identify(root, SIZE) != first


def test_two_exchanged_files_are_another_data_set(root: Path) -> None:
    first = cifar10_jpeg.identify(root, SIZE)
    one, two = file(root, "train/cat/0000.jpg"), file(root, "train/dog/0000.jpg")
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    assert cifar10_jpeg.identify(root, SIZE) != first


def test_the_real_files_are_whole_and_those_that_the_baselines_know() -> None:
    root = Path(os.environ.get("ACCELBENCH_DATA", "nowhere"))
    if not (root / "cifar10-jpeg").is_dir():
        pytest.skip("cifar10-jpeg is not here: set ACCELBENCH_DATA to the folder that holds it")
    if cifar10_jpeg.identify(root, SIZE) != FINGERPRINT:
        pytest.skip("this is another re-encoding, whose numbers are not known")
    arrays = {
        path.stem: np.load(path, mmap_mode="r", allow_pickle=False)
        for path in Path(prepare(dataset("cifar10-jpeg"), root, SIZE).directory).glob("*.npy")
    }
    assert np.bincount(arrays["train_labels"]).tolist() == [5000] * 10
    assert np.bincount(arrays["test_labels"]).tolist() == [1000] * 10
    # The mean of the original pixels, which everybody normalises by: JPEG keeps it.
    mean = arrays["train_images"].mean((0, 1, 2)) / 255
    assert mean == pytest.approx([0.4914, 0.4822, 0.4465], abs=2e-3)
