"""accelbench data: which sets are ready, and where they lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from accelbench.cli import main


def accelbench(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_list_says_what_is_ready_and_how_to_get_the_rest(tmp_path: Path) -> None:
    result = accelbench("data", "list", "--data-root", str(tmp_path / "data"))
    assert result.exit_code == 0
    cifar10, by_hand, digits, mnist = result.output.splitlines()
    assert cifar10.split()[:2] == ["cifar10", "torchvision"]
    assert by_hand == (
        f"cifar10-jpeg  by hand      not in {tmp_path / 'data'} (cifar10-jpeg/train/airplane is "
        "missing): lay it there, or set ACCELBENCH_DATA to where it lies"
    )
    assert digits.split()[:3] == ["digits", "embedded", "ready,"]
    assert mnist.split()[:2] == ["mnist", "torchvision"]
    assert "run `accelbench data fetch mnist`" in mnist


def test_the_list_decodes_nothing(tmp_path: Path, home: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for name in names:
        (raw / f"{name}-ubyte").write_bytes(b"to decode this would find it damaged")
    said = accelbench("data", "list", "--data-root", str(tmp_path / "data")).output
    *_, digits, mnist = said.splitlines()
    assert digits.endswith("embedded     ready, not decoded yet")
    assert mnist.endswith("torchvision  found, not checked, not decoded yet")
    assert not list(tmp_path.rglob("decoded"))
    (raw / "t10k-labels-idx1-ubyte").unlink()
    said = accelbench("data", "list", "--data-root", str(tmp_path / "data")).output
    assert "(MNIST/raw/t10k-labels-idx1-ubyte is missing): run `accelbench data fetch mn" in said


def test_the_list_names_the_fingerprint_of_what_is_decoded(tmp_path: Path) -> None:
    fetched = accelbench("data", "fetch", "digits", "--data-root", str(tmp_path))
    fingerprint = fetched.output.strip().rpartition(" ")[2].rstrip(")")
    listed = accelbench("data", "list", "--data-root", str(tmp_path)).output.splitlines()[2]
    assert listed.endswith(f"ready, fingerprint {fingerprint}")


def test_a_path_is_that_of_the_decoded_files(tmp_path: Path, home: Path) -> None:
    chosen = accelbench("data", "path", "digits", "--data-root", str(tmp_path / "data"))
    assert chosen.output == f"{tmp_path / 'data' / 'decoded' / 'digits-28x28'}\n"
    assert (Path(chosen.output.strip()) / "train_images.npy").is_file()
    usual = accelbench("data", "path", "digits")
    assert usual.output == f"{home / 'cache/accelbench/decoded/digits-28x28'}\n"


def test_the_environment_chooses_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELBENCH_DATA", str(tmp_path / "chosen"))
    assert str(tmp_path / "chosen") in accelbench("data", "path", "digits").output


def test_fetching_an_embedded_set_only_prepares_it(tmp_path: Path) -> None:
    result = accelbench("data", "fetch", "digits", "--data-root", str(tmp_path))
    assert result.exit_code == 0
    assert result.output.startswith(f"digits is ready in {tmp_path}/decoded/digits-28x28 ")


@pytest.mark.parametrize("command", ["path", "fetch"])
def test_an_unknown_set_is_one_line(command: str) -> None:
    result = accelbench("data", command, "imagenet")
    assert result.exit_code == 1
    known = "cifar10, cifar10-jpeg, digits, mnist"
    assert result.output == f"Error: unknown data set 'imagenet'; known: {known}\n"


def test_a_missing_set_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    result = accelbench("data", "path", "mnist", "--data-root", str(tmp_path))
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: data set mnist is not in {tmp_path}")
    assert "run `accelbench data fetch mnist`" in result.output
    assert result.output.count("\n") == 1


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"junk")
    result = accelbench("data", "path", "mnist", "--data-root", str(tmp_path))
    assert result.exit_code == 1
    assert f"{path} (4 bytes) has SHA-256 " in result.output
