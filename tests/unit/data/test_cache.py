"""A data set is decoded once; what is damaged is made again, and two at once do not disturb."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from accelbench.data import DataMissingError, dataset, prepare
from accelbench.data.dataset import DataSet, Size

if TYPE_CHECKING:
    from accelbench.data.dataset import Images

DIGITS = dataset("digits")


class Counted:
    """A data set's decoder that counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def decode(self, root: Path, size: Size) -> dict[str, Images]:
        self.calls += 1
        return DIGITS.decode(root, size)


@pytest.fixture
def counted() -> tuple[Counted, DataSet]:
    counter = Counted()
    return counter, replace(DIGITS, decode=counter.decode)


def test_decoded_once_and_found_again(
    tmp_path: Path, home: Path, counted: tuple[Counted, DataSet]
) -> None:
    counter, data = counted
    first = prepare(data, tmp_path, (8, 8))
    assert prepare(data, tmp_path, (8, 8)) == first
    assert counter.calls == 1
    for name, array in DIGITS.decode(tmp_path, (8, 8)).items():
        read = np.load(Path(first.directory, f"{name}.npy"), allow_pickle=False, mmap_mode="r")
        assert np.array_equal(read, array)


@pytest.mark.parametrize("damage", ["truncated", "missing", "no index", "broken index", "[]", "{}"])
def test_a_damaged_decoded_set_is_made_again(
    tmp_path: Path, home: Path, counted: tuple[Counted, DataSet], damage: str
) -> None:
    counter, data = counted
    files = prepare(data, tmp_path, (8, 8))
    folder = Path(files.directory)
    array, index = folder / "train_images.npy", folder / "index.json"
    whole = array.read_bytes()
    if damage == "truncated":
        array.write_bytes(whole[:-1])
    elif damage == "missing":
        array.unlink()
    elif damage == "no index":
        index.unlink()
    else:
        index.write_text("{" if damage == "broken index" else damage)
    assert prepare(data, tmp_path, (8, 8)) == files
    assert counter.calls == 2
    assert array.read_bytes() == whole
    assert sorted(each.name for each in folder.parent.iterdir()) == ["digits-8x8"]


def test_the_index_states_the_fingerprint(tmp_path: Path, home: Path) -> None:
    files = prepare(DIGITS, tmp_path, (8, 8))
    index = json.loads(Path(files.directory, "index.json").read_text())
    assert index["fingerprint"] == files.fingerprint


def test_a_set_that_is_known_by_its_files_is_still_checked_for_what_was_decoded(
    tmp_path: Path, home: Path, counted: tuple[Counted, DataSet]
) -> None:
    counter, data = counted
    named = replace(data, identify=lambda _root, size: f"files-{size[0]}")
    files = prepare(named, tmp_path, (8, 8))
    assert files.fingerprint == "files-8"
    assert prepare(named, tmp_path, (8, 8)) == files
    assert counter.calls == 1
    labels = Path(files.directory, "train_labels.npy")
    labels.write_bytes(labels.read_bytes()[:-1] + b"\7")
    assert prepare(named, tmp_path, (8, 8)) == files
    assert counter.calls == 2


def test_a_root_that_cannot_be_written_falls_back_to_the_users_cache(
    tmp_path: Path, home: Path, counted: tuple[Counted, DataSet]
) -> None:
    counter, data = counted
    # A file in the folder's place: permissions would not keep root out.
    (tmp_path / "decoded").write_text("")
    files = prepare(data, tmp_path, (8, 8))
    assert files.directory == str(home / "cache" / "accelbench" / "decoded" / "digits-8x8")
    assert prepare(data, tmp_path, (8, 8)) == files
    assert counter.calls == 1


def test_where_nothing_can_be_written_the_reason_is_one_line(tmp_path: Path, home: Path) -> None:
    (tmp_path / "decoded").write_text("")
    (home / "cache").write_text("")
    with pytest.raises(DataMissingError, match="cannot write the decoded data set digits: "):
        prepare(DIGITS, tmp_path, (8, 8))


SCRIPT = """
import sys
from pathlib import Path
from accelbench.data import dataset, prepare

found, root = dataset("digits"), Path(sys.argv[1])
found.decode(root, (8, 8))
print("ready", flush=True)
sys.stdin.readline()
for round in range(20):
    files = prepare(found, root / str(round), (8, 8))
    print(files.fingerprint, Path(files.directory).relative_to(root), flush=True)
"""


@pytest.mark.parametrize("damaged", [False, True], ids=["fresh", "over damaged files"])
def test_processes_that_decode_at_once_all_get_the_whole_set(
    tmp_path: Path, home: Path, damaged: bool
) -> None:
    fingerprint = prepare(DIGITS, tmp_path / "alone", (8, 8)).fingerprint
    if damaged:
        for number in range(20):
            folder = tmp_path / str(number) / "decoded" / "digits-8x8"
            folder.mkdir(parents=True)
            (folder / "index.json").write_text("{")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    expected = "".join(f"{fingerprint} {number}/decoded/digits-8x8\n" for number in range(20))
    for process in processes:
        said, _ = process.communicate()
        assert said == expected
        assert process.returncode == 0
    for number in range(20):
        folder = tmp_path / str(number) / "decoded"
        assert [each.name for each in folder.iterdir()] == ["digits-8x8"]


def test_changed_labels_of_the_same_size_are_found_and_decoded_anew(tmp_path: Path) -> None:
    found = dataset("digits")
    files = prepare(found, tmp_path, (8, 8))
    path = Path(files.directory, "train_labels.npy")
    whole = path.read_bytes()
    path.write_bytes(whole[:-40] + bytes(40))
    assert prepare(found, tmp_path, (8, 8)) == files
    assert path.read_bytes() == whole
