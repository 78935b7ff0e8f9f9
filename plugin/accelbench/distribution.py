"""What xdist's workers and controller tell each other, so that tests are spread over units.

A worker writes which of its tests train on which device; the controller reads it, finds the units
of these devices, and `schedule.py` hands the tests out. xdist itself is not imported here.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from accelbench.devices import Unavailable, kind_of
from accelbench.dispatch import Need
from accelbench.fixtures import CHOSEN_UNITS, DEVICE, find, trains
from accelbench.options import OPTIONS, Options, parse

PLANS = "accelbench_plans"
"""How xdist's workers learn in which folder their plans are expected."""

_FOLDER = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()
_DIST = pytest.StashKey[str]()


class Pause(pytest.Item):
    """No test: what an xdist worker holds as its next one, so that it starts the one before it.

    A worker runs a test only when it knows the next. A real one would be bound to that worker, and
    wait there while units idle elsewhere.
    """

    def runtest(self) -> None:
        """Do nothing."""


class Worker:
    """The hooks of an xdist worker."""

    def __init__(self, config: pytest.Config) -> None:
        worker_input: dict[str, str] = config.workerinput  # type: ignore[attr-defined]  # xdist's
        self._folder = Path(worker_input[PLANS])
        self._name: str = worker_input["workerid"]

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_finish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Write the plan before the controller hears of the collection; then add the pause."""
        plan = {item.nodeid: _device_of(item) for item in session.items if trains(item)}
        _write(_plan_path(self._folder, self._name), plan)
        yield
        if session.items:
            session.items.append(Pause.from_parent(session, name="after the tests of a worker"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run no pause; at the worker's end, tear down what its tests have left."""
        if isinstance(item, Pause):
            if nextitem is None:
                _tear_down(item)
            return True
        if trains(item):
            chosen = _units_path(self._folder, self._name)
            if chosen.exists():
                item.stash[CHOSEN_UNITS] = tuple(json.loads(chosen.read_text(encoding="utf-8")))
        return None


def _device_of(item: pytest.Item) -> str:
    params: Mapping[str, Any] = item.callspec.params  # type: ignore[attr-defined]  # of a function
    return str(params[DEVICE])


def _tear_down(item: Pause) -> None:
    """End session-wide fixtures; an error there is reported, as it would be of the last test."""
    state = item.session._setupstate  # pytest has no public way that asks no hooks about the item
    call = pytest.CallInfo.from_call(lambda: state.teardown_exact(None), when="teardown")
    report = pytest.TestReport.from_item_and_call(item, call)
    if report.failed:
        item.ihook.pytest_runtest_logreport(report=report)


def _plan_path(folder: Path, worker: str) -> Path:
    return folder / f"{worker}.plan"


def _units_path(folder: Path, worker: str) -> Path:
    return folder / f"{worker}.units"


def _write(path: Path, content: object) -> None:
    """Write a whole file or none: its writer may be killed, and its reader waits for nobody."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(path)


def tell_worker(config: pytest.Config, worker_input: dict[str, object]) -> None:
    """Tell an xdist worker where its plan is expected, if tests are spread by units."""
    if not wanted(config):
        return
    if _FOLDER not in config.stash:
        config.stash[_FOLDER] = tempfile.TemporaryDirectory(prefix="accelbench-plans-")
        config.add_cleanup(config.stash[_FOLDER].cleanup)
    worker_input[PLANS] = config.stash[_FOLDER].name


def note_chosen(config: pytest.Config) -> None:
    """Remember how the user wants tests distributed, before xdist puts in what -n means."""
    chosen: str = config.getoption("dist", "no")
    config.stash[_DIST] = "load" if config.getoption("distload", default=False) else chosen


def wanted(config: pytest.Config) -> bool:
    """Tell whether tests may be spread by units: -n was given, and no --dist."""
    return config.stash.get(_DIST, "") == "no" and config.getoption("dist", "no") == "load"


def needs_of(config: pytest.Config, nodeids: Sequence[str]) -> list[Need]:
    """Return what each test needs, by what the workers wrote and what is found here."""
    plan: dict[str, str] = {}
    folder = Path(config.stash[_FOLDER].name)
    for path in folder.glob("*.plan"):
        plan.update(json.loads(path.read_text(encoding="utf-8")))
    nothing = Need()
    needs = {device: _need(config, device) or nothing for device in sorted(set(plan.values()))}
    return [needs[plan[nodeid]] if nodeid in plan else nothing for nodeid in nodeids]


def say_units(config: pytest.Config, worker: str, units: Sequence[str]) -> None:
    """Tell a worker which units its next test should take, where its device leaves a choice."""
    _write(_units_path(Path(config.stash[_FOLDER].name), worker), list(units))


def _need(config: pytest.Config, device: str) -> Need | None:
    """Return what a run on a device holds; None where it is not there: its tests skip."""
    try:
        found = find(config, device)
    except Exception:  # whatever it is, the tests on this device show it
        return None
    if isinstance(found, Unavailable) or found.count > len(set(found.units)):
        return None
    return Need(tuple(dict.fromkeys(found.units)), found.count)


def auto_workers(config: pytest.Config) -> int | None:
    """Return what -n auto means where devices are tested: a worker for each unit that is here.

    None leaves it to xdist: PYTEST_XDIST_AUTO_NUM_WORKERS, -n logical, or a call that neither names
    a device (-m) nor the folder of the suite, the one that holds the folder of workloads.
    """
    given = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    if given or config.getoption("numprocesses") != "auto":
        return None
    options = parse(config)
    if not (_names_devices(config, options) or _names_suite(config, options)):
        return None
    config.stash[OPTIONS] = options
    found = [_need(config, device) for device in options.devices]
    return max(1, len({unit for need in found if need for unit in need.units}))


def _names_devices(config: pytest.Config, options: Options) -> bool:
    words = set(re.findall(r"[\w-]+", config.getoption("markexpr", "")))
    marks = {mark for device in options.devices for mark in kind_of(device).marks(device)}
    return not words.isdisjoint(marks)


def _names_suite(config: pytest.Config, options: Options) -> bool:
    suite = options.settings.workloads.resolve().parent
    here = config.invocation_params.dir
    named = [(here / each.partition("::")[0]).resolve() for each in config.args]
    return options.settings.workloads.is_dir() and any(
        suite.is_relative_to(path) or path.is_relative_to(suite) for path in named
    )
