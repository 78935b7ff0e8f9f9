"""The folder is the registry of data sets."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from accelbench.data import dataset, names
from accelbench.data.dataset import sha256


def test_the_data_sets_are_the_files_of_the_folder() -> None:
    assert names() == ["cifar10", "cifar10-jpeg", "digits", "mnist"]
    assert [dataset(name).name for name in names()] == names()


def test_a_files_underscore_is_a_names_hyphen() -> None:
    assert dataset("cifar10-jpeg").decode.__module__ == "accelbench.data.cifar10_jpeg"
    with pytest.raises(KeyError, match="unknown data set 'cifar10_jpeg'"):
        dataset("cifar10_jpeg")


def test_an_unknown_data_set_is_named_beside_those_that_exist() -> None:
    with pytest.raises(
        KeyError, match="unknown data set 'imagenet'; known: cifar10, cifar10-jpeg, digits, mnist"
    ):
        dataset("imagenet")


def test_the_embedded_set_has_nothing_to_fetch() -> None:
    assert dataset("digits").fetch is None
    assert dataset("mnist").fetch is not None


def test_a_hash_is_of_a_file_as_of_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "file").write_bytes(content)
    assert sha256(tmp_path / "file") == sha256(content) == hashlib.sha256(content).hexdigest()


def test_knowing_the_data_sets_imports_neither_numpy_pillow_nor_torchvision() -> None:
    script = (
        "import sys; from accelbench.data import dataset, names; [dataset(n) for n in names()];"
        "print(sorted({'numpy', 'PIL', 'torch', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
