"""Files of a data set that are truncated, changed or missing."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Checkout

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"
MNIST = '{"smoke": [{"dataset": "mnist", "epochs": 1, "gates": ["loss"]}]}'
DIGITS = MNIST.replace("mnist", "digits")


@pytest.fixture
def raw(checkout: Checkout) -> Path:
    """Where the raw files of mnist belong; a workload trains on them, another one on digits."""
    checkout.workload("on_mnist", literals={"INPUT": "[28, 28]", "TIERS": MNIST})
    checkout.workload("on_digits", literals={"INPUT": "[8, 8]", "TIERS": DIGITS})
    checkout.tests()
    folder = checkout.root / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    return folder


def mnist() -> Path:
    """Return the folder of the real files, or skip."""
    folder = Path(os.environ.get("ACCELBENCH_DATA", "nowhere"), "MNIST", "raw")
    if not (folder / IMAGES).is_file():
        pytest.skip("the real MNIST is not in ACCELBENCH_DATA")
    return folder


def refuses(checkout: Checkout, parallel: tuple[str, ...], words: str) -> None:
    """Both a single run and a session end in the one line that says `words`; others go on."""
    done = checkout.accelbench("run", "on_mnist")
    assert (done.status, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"Error: {words}")
    session, said = checkout.reports(*parallel)
    assert session.status == 1
    assert said["test_cell[on_mnist-cpu]"] == line.removeprefix("Error: ")
    assert said["test_cell[on_digits-cpu]"] == ""
    located = checkout.accelbench("data", "path", "mnist")
    assert located.status == 1
    assert located.err == f"{line}\n"


def test_file_of_the_wrong_hash_is_named(
    checkout: Checkout, raw: Path, parallel: tuple[str, ...]
) -> None:
    (raw / IMAGES).write_bytes(b"not the images")
    refuses(checkout, parallel, f"{raw / IMAGES} (14 bytes) has SHA-256 ")
    done = checkout.accelbench("data", "path", "mnist")
    assert "delete it and run `accelbench data fetch mnist`" in done.err


@pytest.mark.mnist
def test_truncated_file_is_named(checkout: Checkout, raw: Path, parallel: tuple[str, ...]) -> None:
    shutil.copy(mnist() / IMAGES, raw)
    content = (mnist() / LABELS).read_bytes()
    (raw / LABELS).write_bytes(content[: len(content) // 2])
    refuses(checkout, parallel, f"{raw / LABELS} ({len(content) // 2} bytes) has SHA-256 ")


@pytest.mark.mnist
def test_file_with_one_bit_changed_is_named(checkout: Checkout, raw: Path) -> None:
    shutil.copy(mnist() / IMAGES, raw)
    content = bytearray((mnist() / LABELS).read_bytes())
    content[-1] ^= 1
    (raw / LABELS).write_bytes(content)
    done = checkout.accelbench("run", "on_mnist")
    assert done.status == 1
    assert done.err.startswith(f"Error: {raw / LABELS} ({len(content)} bytes) has SHA-256 ")


def test_file_that_is_still_compressed_is_missing_by_its_name(
    checkout: Checkout, raw: Path
) -> None:
    (raw / f"{IMAGES}.gz").write_bytes(gzip.compress(b"the images"))
    done = checkout.accelbench("run", "on_mnist")
    assert done.status == 1
    assert done.err == (
        f"Error: data set mnist is not in {checkout.root / 'data'} (MNIST/raw/{IMAGES} is "
        "missing): run `accelbench data fetch mnist`, or set ACCELBENCH_DATA to where it lies\n"
    )


@pytest.mark.usefixtures("raw")
def test_missing_data_set_skips_with_the_command_that_fetches_it(
    checkout: Checkout, parallel: tuple[str, ...]
) -> None:
    done = checkout.pytest(*parallel, "-rs")
    assert done.status == 0
    assert "1 passed, 1 skipped" in done.out
    assert "run `accelbench data fetch mnist`, or set ACCELBENCH_DATA to where it lies" in done.out


@pytest.mark.usefixtures("raw")
@pytest.mark.parametrize("damage", ["truncated", "missing", "index"])
def test_damaged_decoded_data_is_decoded_again(checkout: Checkout, damage: str) -> None:
    assert checkout.accelbench("run", "on_digits").status == 0
    folder = checkout.root / "data" / "decoded" / "digits-8x8"
    array = folder / "train_images.npy"
    whole = array.read_bytes()
    if damage == "truncated":
        array.write_bytes(whole[: len(whole) // 2])
    elif damage == "missing":
        array.unlink()
    else:
        (folder / "index.json").write_text('{"fingerprint": ', encoding="utf-8")
    done = checkout.accelbench("run", "on_digits")
    assert done.status == 0, done.text
    assert array.read_bytes() == whole


@pytest.mark.usefixtures("raw")
def test_data_root_that_cannot_be_written_is_no_obstacle(checkout: Checkout) -> None:
    (checkout.root / "file").write_text("not a folder", encoding="utf-8")
    done = checkout.accelbench("run", "on_digits", "--data-root", "file/data")
    assert done.status == 0, done.text
    assert (checkout.root / "cache" / "accelbench" / "decoded" / "digits-8x8").is_dir()


@pytest.mark.usefixtures("raw")
def test_nowhere_to_decode_is_named(checkout: Checkout) -> None:
    (checkout.root / "cache").write_text("not a folder", encoding="utf-8")
    done = checkout.accelbench("run", "on_digits", "--data-root", "cache/data")
    assert (done.status, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert line.startswith("Error: cannot write the decoded data set digits: ")
