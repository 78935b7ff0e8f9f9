"""A worker on a host that is not the session's: where the files of its job lie there."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, List, Optional


def settle(channel: Any, folder: str) -> None:  # noqa: ANN401  # execnet has no types
    """Find or take in what a job names: its workload file, and its decoded data set.

    Comes: (path, content, data), where data is None or (directory, its index, that file's content).
    Goes: (path, directory), the directory "" where this host does not have that data set; then it
    comes as {name: content}, and goes once more. A file that lies here as it lies there is used in
    its place: a workload may have neighbours.
    """
    path, content, data = channel.receive()
    workload = Path(path)
    if not _holds(workload, content):
        workload = Path(folder) / "workload" / workload.name
        workload.parent.mkdir()
        workload.write_bytes(content)
    if data is None:
        channel.send((str(workload), ""))
        return
    found = next((each for each in _places(data[0]) if _holds(each / data[1], data[2])), None)
    channel.send((str(workload), "" if found is None else str(found)))
    if found is None:
        channel.send(_take_in(channel.receive(), Path(folder) / "data"))


def _take_in(files: Any, folder: Path) -> str:  # noqa: ANN401  # names and contents
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder)


def _places(directory: str) -> List[Path]:
    """Return where a decoded data set may lie: under ACCELBENCH_DATA, or as with the session."""
    root = os.environ.get("ACCELBENCH_DATA")
    own = [Path(root).expanduser() / "decoded" / Path(directory).name] if root else []
    return [*own, Path(directory)]


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def address() -> str:
    """Return a name or number by which other hosts reach this one.

    Through ssh it is the address that the session reached: host names need not be known to others.
    """
    reached = os.environ.get("SSH_CONNECTION", "").split()
    here: Optional[str] = reached[2] if len(reached) == 4 else None
    if "ACCELBENCH_GUARD_ID" in os.environ and here and not here.startswith(("127.", "::1")):
        return here
    return socket.gethostname()
