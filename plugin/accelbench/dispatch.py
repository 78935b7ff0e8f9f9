"""Which waiting tests start now, and on which units: so that no unit idles while one fits it.

Pure decisions of the present moment; `schedule.py` carries them out under xdist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

CHUNKS_PER_WORKER = 4
"""Tests without a device are handed out in shrinking chunks, about so many for each worker."""


@dataclass(frozen=True)
class Need:
    """What a test holds while it runs: any `count` of `units`; none where it uses no device."""

    units: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class Moment:
    """What waits, by number, and what each busy worker holds: no units for tests without a device.

    `idle` workers are free to start something.
    """

    waiting: Sequence[int]
    held: Sequence[Collection[str]]
    idle: int


@dataclass(frozen=True)
class Start:
    """Tests to start on one idle worker, one after the other, and the units they hold."""

    tests: tuple[int, ...]
    units: tuple[str, ...] = ()


def starts(needs: Sequence[Need], moment: Moment) -> list[Start]:
    """Return what starts now, at most one start for each idle worker.

    The largest tests first: they fit while many units are free, and the small ones fill the gaps.
    Tests without a device get only workers that no test with one can want before they are done.
    """
    found = list(_on_units(needs, moment))
    plain = [number for number in moment.waiting if not needs[number].count]
    workers = len(moment.held) + moment.idle
    without = sum(not units for units in moment.held)
    spare = min(moment.idle - len(found), workers - _most_at_once(needs, moment) - without)
    for _ in range(spare):
        if plain:
            size = max(1, len(plain) // (CHUNKS_PER_WORKER * spare))
            found.append(Start(tuple(plain[:size])))
            del plain[:size]
    return found


def _on_units(needs: Sequence[Need], moment: Moment) -> Iterator[Start]:
    """Yield the tests that fit the free units, as many as there are idle workers."""
    busy = {unit for units in moment.held for unit in units}
    wanted = Counter(unit for number in moment.waiting for unit in needs[number].units)
    first = sorted(
        (number for number in moment.waiting if needs[number].count),
        key=lambda number: (-needs[number].count, len(needs[number].units)),
    )
    idle = moment.idle
    for number in first:
        free = [unit for unit in needs[number].units if unit not in busy]
        if idle and len(free) >= needs[number].count:
            # Those that the fewest others can use; the sort is stable: else in the device's order.
            free.sort(key=wanted.__getitem__)
            units = tuple(free[: needs[number].count])
            busy.update(units)
            idle -= 1
            yield Start((number,), units)


def _most_at_once(needs: Sequence[Need], moment: Moment) -> int:
    """Return how many tests with a device can run side by side from now on, at most."""
    waiting = [needs[number] for number in moment.waiting]
    left = len({unit for units in (*moment.held, *(n.units for n in waiting)) for unit in units})
    most = 0
    for count in sorted([*map(len, moment.held), *(need.count for need in waiting)]):
        left -= count
        if left < 0:
            break
        most += count > 0
    return most
