"""Holds a unit alone: one lock file a unit, in a folder of this host, freed when its holder dies.

The lock is the kernel's (flock), so no file can be stale. The worker inherits it: a unit stays
held until the last process of a run is gone, even where the session was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.1

_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "lustre", "beegfs", "gpfs", "ceph", "9p"}


class LeaseError(Exception):
    """The lock folder cannot serve; one clear line."""


@dataclass(frozen=True)
class Holder:
    """Who holds a unit, as far as it said: a process id and its purpose."""

    pid: int
    purpose: str


@dataclass(frozen=True)
class Lease:
    """A unit that is held: what to hand to the worker, and how long it was queued for."""

    unit: str
    descriptor: int
    queue_seconds: float


def lock_folder() -> Path:
    """Return the folder of the lock files: ACCELBENCH_LOCKS, else one that all users share."""
    chosen = os.environ.get("ACCELBENCH_LOCKS")
    if chosen:
        return Path(chosen)
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())


@contextmanager
def hold(
    unit: str, folder: Path, purpose: str, waiting: Callable[[str, Holder | None], None]
) -> Iterator[Lease]:
    """Hold `unit` alone; `waiting(unit, holder)` is told once if another one has it.

    LeaseError where the folder is on a network file system or cannot be written.
    """
    _refuse_network(folder)
    descriptor = _open(folder / f"accelbench-{unit}.lock")
    try:
        queue_seconds = _queue(descriptor, folder / f"accelbench-{unit}.queue", unit, waiting)
        _say_who(descriptor, purpose)
        try:
            yield Lease(unit, descriptor, queue_seconds)
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)  # never unlocked: a process of the run that is left still holds it


def _queue(
    descriptor: int, queue: Path, unit: str, waiting: Callable[[str, Holder | None], None]
) -> float:
    """Wait for the unit behind a second lock, which only the next in turn holds.

    Without it a session that takes the unit again at once would starve all that poll for it.
    """
    start = time.perf_counter()
    turn = _open(queue)
    try:
        told = _poll(turn, lambda: waiting(unit, _who(descriptor)))
        _poll(descriptor, lambda: None if told else waiting(unit, _who(descriptor)))
    finally:
        os.close(turn)
    return time.perf_counter() - start


def _poll(descriptor: int, tell: Callable[[], None]) -> bool:
    """Lock, trying again and again; `tell` is called once if that takes a wait: then True."""
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                tell()
                told = True
            time.sleep(POLL_SECONDS)
        else:
            return told


def _open(path: Path) -> int:
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


def _say_who(descriptor: int, purpose: str) -> None:
    content = json.dumps({"pid": os.getpid(), "purpose": purpose}).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)


def _who(descriptor: int) -> Holder | None:
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(int(content["pid"]), str(content["purpose"]))
    except (ValueError, KeyError, TypeError):
        return None


def _refuse_network(folder: Path) -> None:
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
