"""The scheduler that keeps units busy under xdist: the one file that knows xdist's protocol.

A worker gets one test at a time, with a pause behind it (`distribution.Pause`, numbered after the
last test): what waits, waits here, and is free to start wherever units become free.
Tests without a device that follow each other may go together: they hold nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pytest
from xdist.scheduler import LoadScheduling  # type: ignore[import-untyped]  # xdist has no types

from accelbench import distribution
from accelbench.dispatch import Moment, Need, starts


class Gateway(Protocol):
    """The connection to a worker; its id is the worker's name."""

    id: str


class Node(Protocol):
    """A worker, as xdist's controller knows it."""

    @property
    def gateway(self) -> Gateway:
        """The connection to it."""

    @property
    def shutting_down(self) -> bool:
        """Whether it was told to end, or has ended."""

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Put tests, by their numbers in the collection, into the worker's queue."""

    def shutdown(self) -> None:
        """Let the worker end after what is in its queue."""


class UnitScheduling(LoadScheduling):  # type: ignore[misc]  # xdist has no types
    """xdist's usual scheduler, whose bookkeeping it keeps; with devices, tests go by their units.

    `pending` are the tests that wait, `node2pending` what each worker has and did not finish.
    """

    collection: list[str] | None
    pending: list[int]
    node2pending: dict[Node, list[int]]
    node2collection: dict[Node, list[str]]

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)
        self._needs: list[Need] | None = None
        self._held: dict[Node, tuple[str, ...]] = {}

    def schedule(self) -> None:
        """Begin, when all workers have collected; later on, use a worker that replaces another."""
        if self.collection is None:
            first, *others = self.node2collection.values()
            needs = distribution.needs_of(self.config, first)
            if any(need.count for need in needs) and all(each == first for each in others):
                self.collection, self.pending[:] = first, range(len(first))
                self._needs = needs
        if self._needs is None:
            super().schedule()
        else:
            self._hand_out(self._needs)

    def add_node_collection(self, node: Node, collection: Sequence[str]) -> None:
        """Take in what a worker collected; one that replaces another must have found the same."""
        super().add_node_collection(node, collection)
        if node not in self.node2collection:
            node.shutdown()

    def check_schedule(self, node: Node, duration: float = 0) -> None:
        """See to it that nothing idles that need not."""
        if self._needs is None:
            super().check_schedule(node, duration)
        else:
            self._hand_out(self._needs)

    def mark_test_complete(self, node: Node, item_index: int, duration: float = 0) -> None:
        """A worker has ended a test, whose units are free; or a pause, which changes nothing."""
        if self._needs is None:
            super().mark_test_complete(node, item_index, duration)
        elif item_index < len(self._needs):
            self.node2pending[node].remove(item_index)
            self._hand_out(self._needs)

    def _hand_out(self, needs: list[Need]) -> None:
        """Start what can start. When nothing waits any more, xdist lets its workers end."""
        running = {node: tests for node, tests in self.node2pending.items() if tests}
        idle = [
            node
            for node in self.node2pending
            if node in self.node2collection and node not in running and not node.shutting_down
        ]
        self._held = {node: units for node, units in self._held.items() if node in running}
        held = [self._held.get(node, ()) for node in running]
        chosen = starts(needs, Moment(tuple(self.pending), held, len(idle)))
        started = {number for start in chosen for number in start.tests}
        self.pending = [number for number in self.pending if number not in started]
        for node, start in zip(idle, chosen, strict=False):
            self.node2pending[node].extend(start.tests)
            if start.units:
                self._held[node] = start.units
                distribution.say_units(self.config, node.gateway.id, start.units)
            node.send_runtest_some([*start.tests, len(needs)])
