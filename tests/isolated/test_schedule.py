"""The scheduler keeps units busy, whatever the tests need, whoever crashes, whenever it stops.

Simulated: xdist's workers and its controller's loop, event by event, around the real scheduler.
"""

from __future__ import annotations

import heapq
import json
import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("xdist")

from xdist.remote import Producer  # type: ignore[import-untyped]  # xdist has no types

from accelbench import distribution
from accelbench.devices import Found, Unavailable
from accelbench.dispatch import Need
from accelbench.fixtures import FOUND
from accelbench.schedule import UnitScheduling

SHUTDOWN = -1
COLLECTED = -2
UNITS = ("u0", "u1", "u2", "u3")


@dataclass(frozen=True)
class Planned:
    """A test of the simulation: what it needs, how long it takes, whether it kills its worker."""

    need: Need
    seconds: int = 1
    crashes: bool = False


@dataclass
class Gateway:
    """A worker's name."""

    id: str


@dataclass(eq=False)
class Node:
    """A worker as in xdist's remote.py: it takes its next test before it runs the one it has."""

    gateway: Gateway
    starts: Callable[[Node, int], None]
    queue: deque[int] = field(default_factory=deque)
    has: int | None = None
    runs: int | None = None
    collected: bool = False
    shutting_down: bool = False
    ended: bool = False

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.queue.extend(indices)
        self.go_on()

    def shutdown(self) -> None:
        self.shutting_down = True
        self.queue.append(SHUTDOWN)
        self.go_on()

    def go_on(self) -> None:
        if self.runs is not None or self.ended or not self.collected:
            return
        if self.has is None and self.queue:
            self.has = self.queue.popleft()
        if self.has == SHUTDOWN:
            self.ended = True
            self.starts(self, SHUTDOWN)
        elif self.has is not None and self.queue:
            self.runs, self.has = self.has, self.queue.popleft()
            self.starts(self, self.runs)


class Session:
    """xdist's controller: its loop over the workers' events, on a clock that jumps."""

    def __init__(self, config: pytest.Config, tests: Sequence[Planned], workers: int) -> None:
        self.tests, self.now, self.count = tests, 0, 0
        self.events: list[tuple[int, int, Node, int]] = []
        self.done: list[int] = []
        self.crashed: list[int] = []
        self.stopped = self.shutting_down = False
        self.lost = False
        self.clones_find: int | None = None
        self.folder = configure(config, tests, workers)
        self.scheduler = UnitScheduling(config, Producer("simulation", enabled=False))
        self.nodes = [self.node() for _ in range(workers)]
        for node in self.nodes:
            self.scheduler.add_node(node)
        for node in self.nodes:
            self.collected(node)

    def node(self) -> Node:
        self.count += 1
        return Node(Gateway(f"gw{self.count}"), self.starts)

    def collected(self, node: Node) -> None:
        node.collected = True
        if self.shutting_down:
            return
        found = [f"t{n}" for n in range(len(self.tests))]
        self.scheduler.add_node_collection(node, found[: self.clones_find if self.lost else None])
        if self.scheduler.collection_is_completed:
            self.scheduler.schedule()

    def starts(self, node: Node, test: int) -> None:
        takes = self.tests[test].seconds if 0 <= test < len(self.tests) else 0
        self.count += 1
        heapq.heappush(self.events, (self.now + takes, self.count, node, test))

    def run(self, stop_after: int = 1000) -> None:
        self.after_event(stop_after)
        while self.events:
            self.now, _, node, test = heapq.heappop(self.events)
            self.hear(node, test)
            self.after_event(stop_after)
            if not self.events or self.events[0][0] > self.now:
                self.check()

    def after_event(self, stop_after: int) -> None:
        self.stopped = self.stopped or len(self.done) >= stop_after
        if (self.stopped or self.scheduler.tests_finished) and not self.shutting_down:
            self.shutting_down = True
            for node in self.scheduler.nodes:
                node.shutdown()

    def hear(self, node: Node, test: int) -> None:
        if test == COLLECTED:
            self.collected(node)
            node.go_on()
        elif test == SHUTDOWN:
            assert self.scheduler.remove_node(node) is None
            self.nodes.remove(node)
        elif test < len(self.tests) and self.tests[test].crashes:
            self.replace(node, test)
        else:
            node.runs = None
            self.done += [test] if test < len(self.tests) else []
            self.scheduler.mark_test_complete(node, test)
            node.go_on()

    def replace(self, node: Node, test: int) -> None:
        node.ended = node.shutting_down = self.lost = True
        assert self.scheduler.remove_node(node) == f"t{test}"
        self.crashed.append(test)
        self.shutting_down = False
        self.nodes[self.nodes.index(node)] = clone = self.node()
        self.scheduler.add_node(clone)
        self.count += 1
        heapq.heappush(self.events, (self.now + 1, self.count, clone, COLLECTED))

    def check(self) -> None:
        """See to it that no unit is held twice, and that none idles while a test fits it."""
        able = [node for node in self.nodes if node in self.scheduler.node2collection]
        running = [node.runs for node in able if node.runs is not None]
        held = [unit for node in self.nodes for unit in self.units(node)]
        assert len(held) == len(set(held)), f"a unit twice: {held}"
        for node in self.nodes:
            for bound in (node.has, *node.queue):
                assert bound in {None, SHUTDOWN} or not self.needs(bound), "bound to a worker"
        free = set(UNITS) - set(held)
        fits = [n for n in self.scheduler.pending if 0 < self.needs(n) <= len(free & self.wants(n))]
        if fits and not self.stopped:
            assert len(running) == len(able), f"{free} idle, {fits} fit, and workers too"
            assert self.lost or all(map(self.needs, running)), f"{fits} wait for other tests"

    def needs(self, test: int | None) -> int:
        inside = test is not None and 0 <= test < len(self.tests)
        return self.tests[test].need.count if test is not None and inside else 0

    def wants(self, test: int) -> set[str]:
        return set(self.tests[test].need.units)

    def units(self, node: Node) -> list[str]:
        """Return the units that a worker was told to take for what it runs."""
        if not self.needs(node.runs):
            return []
        told = json.loads((self.folder / f"{node.gateway.id}.units").read_text())
        assert len(told) == self.needs(node.runs)
        return [str(unit) for unit in told]


def configure(config: pytest.Config, tests: Sequence[Planned], workers: int) -> Path:
    """Set up what xdist and the workers' collections would: a plan, and devices that are found."""
    config.option.tx = ["popen"] * workers
    told: dict[str, object] = {}
    distribution.tell_worker(config, told)
    plan = {f"t{n}": f"device-{n}" for n, test in enumerate(tests) if test.need.count}
    folder = Path(str(told[distribution.PLANS]))
    (folder / "gw0.plan").write_text(json.dumps(plan))
    found: dict[str, Found | Unavailable] = {
        f"device-{n}": Found(f"device-{n}", "pretend", test.need.units, count=test.need.count)
        for n, test in enumerate(tests)
    }
    config.stash[FOUND] = found
    return folder


@pytest.fixture
def config(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Config:
    """The configuration of a session with -n, after xdist has made of it what it means."""
    for name in [each for each in os.environ if each.startswith("PYTEST_")]:
        monkeypatch.delenv(name)
    found = pytester.parseconfig("-p", "no:cacheprovider")
    distribution.note_chosen(found)
    found.option.dist = "load"
    return found


ANY = st.sets(st.sampled_from(UNITS)).flatmap(
    lambda units: st.builds(
        Need, st.just(tuple(sorted(units))), st.integers(bool(units), len(units))
    )
)
OF_ALL = st.builds(Need, st.just(UNITS), st.sampled_from([1, 2, 4]))
PLAN = st.lists(
    st.builds(
        Planned,
        ANY | OF_ALL | st.just(Need()),
        st.integers(0, 5),
        st.sampled_from([False] * 5 + [True]),
    ),
    max_size=14,
)


def test_no_unit_idles_while_a_test_that_fits_waits_and_every_test_runs_once(
    config: pytest.Config,
) -> None:
    @settings(max_examples=300, deadline=None)
    @given(PLAN, st.integers(1, 5))
    def simulate(tests: list[Planned], workers: int) -> None:
        session = Session(config, tests, workers)
        session.run()
        assert session.nodes == [], "all workers have ended"
        assert sorted([*session.done, *session.crashed]) == list(range(len(tests)))
        assert session.crashed == [n for n in session.crashed if tests[n].crashes]

    simulate()


def test_a_stop_ends_all_workers_and_starts_nothing_more(config: pytest.Config) -> None:
    @settings(max_examples=100, deadline=None)
    @given(PLAN, st.integers(1, 5), st.integers(0, 5))
    def simulate(tests: list[Planned], workers: int, stop_after: int) -> None:
        session = Session(config, tests, workers)
        session.run(stop_after)
        assert session.nodes == []
        assert len(session.done) + len(session.crashed) <= len(tests)

    simulate()


def test_a_worker_that_replaces_another_and_collects_different_tests_gets_none(
    config: pytest.Config,
) -> None:
    one = Need(UNITS, 1)
    for workers, done in ((2, [1, 2, 3, 4, 5]), (1, [])):
        session = Session(config, [Planned(one, crashes=True)] + [Planned(one)] * 5, workers)
        session.clones_find = 3
        session.run()
        assert session.nodes == []
        assert (session.crashed, sorted(session.done)) == ([0], done)


def test_a_worker_whose_units_are_free_again_holds_none_while_it_runs_other_tests(
    config: pytest.Config,
) -> None:
    tests = [
        Planned(Need(("u1", "u2"), 2), 2),
        Planned(Need(("u0", "u1"), 2)),
        Planned(Need(("u0",), 1), 3),
        Planned(Need(), 10),
    ]
    session = Session(config, tests, 2)
    session.run()
    assert session.done == [0, 2, 1, 3], "the second one did not wait for the last"


def test_the_clock_shows_that_units_are_shared_as_well_as_can_be(config: pytest.Config) -> None:
    one, two, four = (Need(UNITS, count) for count in (1, 2, 4))
    tests = (
        [Planned(one, 4)] * 4 + [Planned(four, 3)] + [Planned(two, 2)] * 4 + [Planned(Need(), 1)]
    )
    session = Session(config, tests, 5)
    session.run()
    assert session.now == 3 + 2 * 2 + 4, "in four units, 44 seconds of them"
