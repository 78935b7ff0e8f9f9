"""Decodes a data set once into plain .npy files, which every worker then maps into memory."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from accelbench.data.dataset import (
    ARRAYS,
    DataDamagedError,
    DataMissingError,
    DataSet,
    Size,
    sha256,
)
from accelbench.records import DataFiles

if TYPE_CHECKING:
    from accelbench.data.dataset import Images

__all__ = ["DataDamagedError", "DataMissingError", "prepare"]

_INDEX = "index.json"


def prepare(found: DataSet, root: Path, size: Size) -> DataFiles:
    """Return the decoded files of a data set, decoding it now if that was not done yet.

    They lie under `root`/decoded, or under the user's cache where `root` cannot be written.
    DataMissingError and DataDamagedError say what to do.
    """
    name = f"{found.name}-{size[0]}x{size[1]}"
    for folder in _folders(root):
        files = _opened(folder / name, found.name)
        if files is not None:
            return files
    arrays = found.decode(root, size)
    fingerprint = found.identify(root, size) if found.identify else None
    for folder in _folders(root):
        try:
            return _write(folder / name, found.name, arrays, fingerprint)
        except OSError as error:
            reason = error
    raise DataMissingError(f"cannot write the decoded data set {found.name}: {reason}")


def _folders(root: Path) -> list[Path]:
    import platformdirs

    own = Path(platformdirs.user_cache_dir("accelbench"))
    return [root / "decoded", own / "decoded"] if root != own else [own / "decoded"]


def _opened(folder: Path, name: str) -> DataFiles | None:
    """Return the decoded files if they are what was written; else None: they are made again."""
    try:
        stamps = tuple((folder / f"{array}.npy").stat().st_mtime_ns for array in ARRAYS)
        index = json.loads((folder / _INDEX).read_text())
        fingerprint = str(index["fingerprint"])
        # The two differ where the fingerprint is not that of the decoded arrays.
        whole = _content(folder, stamps) == index.get("content", fingerprint)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return DataFiles(name, fingerprint, str(folder)) if whole else None


@lru_cache(maxsize=8)
def _content(folder: Path, _stamps: tuple[int, ...]) -> str:
    """Return the fingerprint of what lies in a folder, read once a process while it is unchanged.

    Sizes would not do: a few changed labels train a worse model under the same name.
    """
    import numpy as np

    arrays = {
        array: np.load(folder / f"{array}.npy", mmap_mode="r", allow_pickle=False)
        for array in ARRAYS
    }
    return _fingerprint(arrays)


def _write(
    folder: Path, name: str, arrays: dict[str, Images], fingerprint: str | None
) -> DataFiles:
    import numpy as np

    folder.parent.mkdir(parents=True, exist_ok=True)
    content = _fingerprint(arrays)
    fingerprint = fingerprint or content
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        for array in ARRAYS:
            np.save(scratch / f"{array}.npy", arrays[array], allow_pickle=False)
        (scratch / _INDEX).write_text(json.dumps({"fingerprint": fingerprint, "content": content}))
        scratch.chmod(0o755)
        _replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return DataFiles(name, fingerprint, str(folder))


def _replace(scratch: Path, folder: Path) -> None:
    """Put a whole folder in place; whoever came first wins, for the content is the same."""
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        # Of two that found it damaged, one would else remove what the other has just put there.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _opened(folder, "") is None:
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(scratch, folder)  # noqa: PTH104  # its failure is the caller's
    finally:
        os.close(descriptor)


def _fingerprint(arrays: dict[str, Images]) -> str:
    """Return 16 hex digits over names, shapes and bytes of the arrays."""
    parts = [f"{a}{arrays[a].shape}{sha256(arrays[a].tobytes())}" for a in ARRAYS]
    return sha256("".join(parts).encode())[:16]
