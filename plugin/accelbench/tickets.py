"""The line of those who wait for units: a ticket is a file that its waiter has locked.

Tickets are drawn, read and torn under the allocator's lock. A waiter that died has lost the lock
on its ticket; one that sleeps (Ctrl-Z) no longer stamps it: neither stands in anyone's way.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from accelbench.lockfiles import give_up, open_shared, try_lock

ASLEEP_SECONDS = 10.0
"""A ticket that was not stamped for so long holds no place; stamps come with each attempt."""

_PREFIX = "accelbench.ticket-"


@dataclass(frozen=True)
class Holder:
    """Who holds a unit or waits for it, as far as it said: a process id and its purpose."""

    pid: int
    purpose: str


@dataclass(frozen=True)
class Wish:
    """What one waits for: any `count` of `units`."""

    holder: Holder
    units: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Ticket:
    """A place in the line."""

    path: Path
    descriptor: int

    @classmethod
    def draw(cls, folder: Path, wish: Wish) -> Ticket:
        """Stand at the line's end."""
        last = max((_number(path) for path in folder.glob(f"{_PREFIX}*")), default=0)
        path = folder / f"{_PREFIX}{last + 1:09d}"
        ticket = cls(path, open_shared(path))
        try_lock(ticket.descriptor)
        content = {
            "pid": wish.holder.pid,
            "purpose": wish.holder.purpose,
            "units": wish.units,
            "count": wish.count,
        }
        os.pwrite(ticket.descriptor, json.dumps(content).encode(), 0)
        return ticket

    def stamp(self) -> None:
        """Say that one still waits."""
        os.utime(self.descriptor)

    def tear(self) -> None:
        """Leave the line."""
        self.path.unlink(missing_ok=True)
        give_up(self.descriptor)


def waiting_before(folder: Path, own: Ticket | None) -> list[Wish]:
    """Return who else waits, longest first, up to one's own ticket; files of the dead go."""
    found = []
    for path in sorted(folder.glob(f"{_PREFIX}*"), key=_number):
        if own is not None and path == own.path:
            break
        wish = _read(path)
        if wish is not None:
            found.append(wish)
    return found


def spared(free: Sequence[str], before: Sequence[Wish]) -> list[str]:
    """Return which free units are left when all who waited longer have put theirs aside.

    Who cannot be served yet puts aside all that it could use: else a run that needs four units
    would wait for as long as others keep coming that need one.
    """
    left = list(free)
    for wish in before:
        aside = [unit for unit in left if unit in wish.units][: wish.count]
        left = [unit for unit in left if unit not in aside]
    return left


def _read(path: Path) -> Wish | None:
    """Return what a waiter wants; None where it is dead (its file goes), asleep or unreadable."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if try_lock(descriptor):
            with suppress(OSError):  # another user's, in a folder with the sticky bit
                path.unlink()
            return None
        if time.time() - os.fstat(descriptor).st_mtime > ASLEEP_SECONDS:
            return None
        return _parsed(os.pread(descriptor, 65536, 0))
    finally:
        os.close(descriptor)


def _parsed(content: bytes) -> Wish | None:
    try:
        said = json.loads(content)
        holder = Holder(int(said["pid"]), str(said["purpose"]))
        return Wish(holder, tuple(map(str, said["units"])), max(0, int(said["count"])))
    except (ValueError, KeyError, TypeError):
        return None


def _number(path: Path) -> int:
    text = path.name.removeprefix(_PREFIX)
    return int(text) if text.isdecimal() else 0
