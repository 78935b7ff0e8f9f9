"""Lock files that all users of a host share: where they lie, how they are opened and locked."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "lustre", "beegfs", "gpfs", "ceph", "9p"}


class LeaseError(Exception):
    """Units cannot be held at all; one clear line."""


def lock_folder() -> Path:
    """Return the folder of the lock files: ACCELBENCH_LOCKS, else one that all users share.

    Inside an allocation of Slurm it is the job's own: what the job was given no other job has.
    """
    chosen = os.environ.get("ACCELBENCH_LOCKS")
    if chosen:
        return Path(chosen)
    shared = Path("/dev/shm")
    folder = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    job = os.environ.get("SLURM_JOB_ID", "")
    return folder / f"accelbench-slurm-{job}" if job.isdecimal() else folder


def unit_path(folder: Path, unit: str) -> Path:
    """Return the lock file of a unit, whatever its name holds: colons, slashes, blanks."""
    return folder / f"accelbench-{quote(unit, safe='')}.lock"


def open_shared(path: Path) -> int:
    """Open a lock file that any user may share; kernels refuse O_CREAT on others' files."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
            os.fchmod(descriptor, 0o666)
        except FileExistsError:
            descriptor = os.open(path, flags)
    except OSError as error:
        raise LeaseError(
            f"cannot lock {path}: {error.strerror}; set ACCELBENCH_LOCKS to a folder of this "
            "host that all its users can write"
        ) from None
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Lock a file now, or tell that another one has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def give_up(descriptor: int) -> None:
    """Unlock and close: also where a process that was just forked has a copy."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that others hold for moments only, waiting as long as it takes."""
    descriptor = open_shared(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        give_up(descriptor)


def refuse_network(folder: Path) -> None:
    """Refuse a folder whose locks would not bind on this host alone."""
    kind = _file_system(folder)
    if kind in _NETWORK_FILE_SYSTEMS or kind.startswith("fuse.sshfs"):
        raise LeaseError(
            f"lock folder {folder} is on a network file system ({kind}), where locks are not "
            "reliable: set ACCELBENCH_LOCKS to a folder of this host"
        )


def _file_system(folder: Path) -> str:
    """Return the type of the file system that holds a folder, or "" where it is not known."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    target = str(folder.resolve())
    for line in mounts:
        _, point, each, *_ = line.split()
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, each
    return kind
