"""Holds units alone, all that a run needs or none: a lock file a unit, in a folder of this host.

The locks are the kernel's (flock), so no file can be stale. The worker inherits them: its units
stay held until the last process of a run is gone, even where the session was killed.

One allocator lock is held for each attempt, and nothing is held while waiting: two sessions that
want overlapping units cannot stop each other for good. Who comes later takes no unit that one who
waits could use (`tickets.py`): many small runs do not starve a large one.

Inside a scheduler's allocation (Slurm) the allocation is the lease: `find` sees its units alone,
and a run waits for runs of the same allocation only, whose locks have a folder of their own
(`lockfiles.py`): jobs that share a node's processor do not wait for each other. Where each run is a
job of its own (srun outside an allocation) the scheduler's queue is the lease, and `unlocked` holds
nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from accelbench.lockfiles import (
    LeaseError,
    give_up,
    lock_folder,
    locked,
    open_shared,
    refuse_network,
    try_lock,
    unit_path,
)
from accelbench.tickets import Holder, Ticket, Wish, spared, waiting_before

__all__ = ["POLL_SECONDS", "Holder", "Lease", "LeaseError", "hold", "lock_folder", "unlocked"]

POLL_SECONDS = 0.1

Waiting = Callable[[str, Holder | None], None]


@dataclass(frozen=True)
class Lease:
    """Units that are held: what to hand to the worker, and how long they were queued for."""

    units: tuple[str, ...]
    descriptors: tuple[int, ...]
    queue_seconds: float


@contextmanager
def hold(
    units: Sequence[str], count: int, folder: Path, purpose: str, waiting: Waiting
) -> Iterator[Lease]:
    """Hold any `count` of `units` alone, the first of them that are free.

    `waiting(unit, holder)` is told once if that takes a wait: of one unit that others have, and
    whose it is or whose turn. LeaseError where there are fewer units than that, or where the folder
    is on a network file system or cannot be written.
    """
    wish = Wish(Holder(os.getpid(), purpose), tuple(dict.fromkeys(units)), count)
    if not 0 < count <= len(wish.units):
        raise LeaseError(
            f"{purpose} needs {count} units at once, and there are {len(wish.units)}"
            + (f": {', '.join(wish.units)}" if wish.units else "")
        )
    refuse_network(folder)
    start = time.perf_counter()
    held = _queue(wish, folder, waiting)
    try:
        for descriptor in held.values():
            _say_who(descriptor, wish.holder)
        try:
            yield Lease(tuple(held), tuple(held.values()), time.perf_counter() - start)
        finally:
            for descriptor in held.values():
                os.ftruncate(descriptor, 0)
    finally:
        for descriptor in held.values():
            os.close(descriptor)  # never unlocked: a process of the run that is left holds it


def unlocked(units: Sequence[str], count: int) -> Lease:
    """Return a lease of units that a scheduler gives out, and nobody here."""
    return Lease(tuple(units[:count]), (), 0.0)


def _queue(wish: Wish, folder: Path, waiting: Waiting) -> dict[str, int]:
    """Try until the units are held; from the second attempt on with a ticket."""
    allocator = folder / "accelbench.allocator"
    ticket: Ticket | None = None
    try:
        while True:
            with locked(allocator):
                before = waiting_before(folder, ticket)
                held, obstacle = _attempt(wish, folder, before)
                if held:
                    return held
                first, ticket = ticket is None, ticket or Ticket.draw(folder, wish)
                ticket.stamp()
            if first:
                waiting(*obstacle)
            time.sleep(POLL_SECONDS)
    finally:
        if ticket is not None:
            ticket.tear()


def _attempt(
    wish: Wish, folder: Path, before: Sequence[Wish]
) -> tuple[dict[str, int], tuple[str, Holder | None]]:
    """Lock all units that are wanted, or none; then say which one is in the way, and whose it is.

    The caller has the allocator's lock: what is locked here and given up again was free all along.
    """
    opened: dict[str, int] = {}
    free: dict[str, int] = {}
    taken: list[str] = []
    try:
        for unit in wish.units:
            opened[unit] = open_shared(unit_path(folder, unit))
            if try_lock(opened[unit]):
                free[unit] = opened[unit]
        left = spared(list(free), before)
        if len(left) >= wish.count:
            taken = left[: wish.count]
            return {unit: free[unit] for unit in taken}, ("", None)
        return {}, _obstacle(opened, set(free), left, before)
    finally:
        for unit, descriptor in opened.items():
            if unit in free and unit not in taken:
                give_up(descriptor)
            elif unit not in taken:
                os.close(descriptor)


def _obstacle(
    opened: dict[str, int], free: set[str], left: list[str], before: Sequence[Wish]
) -> tuple[str, Holder | None]:
    """Return a unit that is held and its holder, or one that is free and who is its next."""
    for unit, descriptor in opened.items():
        if unit not in free:
            return unit, _who(descriptor)
    unit = next(unit for unit in opened if unit not in left)
    heir = next(wish.holder for wish in before if unit in wish.units)
    return unit, Holder(heir.pid, f"{heir.purpose}, whose turn it is")


def _say_who(descriptor: int, holder: Holder) -> None:
    content = json.dumps({"pid": holder.pid, "purpose": holder.purpose}).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)


def _who(descriptor: int) -> Holder | None:
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(int(content["pid"]), str(content["purpose"]))
    except (ValueError, KeyError, TypeError):
        return None
