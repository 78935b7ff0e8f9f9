"""Under xdist tests are spread over units: none is held twice, none idles while a test fits it.

The units are pretended; the sessions, the scheduler and the leases are real. Most tests of the
suite hold units and train nothing, so that they can wait for each other: a test that is bound to a
worker behind another one, or that starts later than it could, would leave them waiting for ever.
"""

from __future__ import annotations

import json
import os
from itertools import combinations
from pathlib import Path

import pytest

pytest.importorskip("xdist")

DEADLINE_SECONDS = 120.0

PRETEND = """
import os

from accelbench.devices.kind import DeviceKind, Found


def find(device, config):
    units = tuple(f"pretend:{n}" for n in range(int(os.environ["PRETEND_UNITS"])))
    return Found(device, "pretended", units, count=int(device[-1]))


KIND = DeviceKind("pretend", ("pretend-1", "pretend-2", "pretend-4"), "pretend-[124]", find)
"""

# A test's name says how many units it needs: of its devices it keeps that one.
CONFTEST = """
import pathlib

from accelbench import devices

devices.__path__.append(str(pathlib.Path(__file__).parent / "kinds"))


def pytest_collection_modifyitems(items):
    items[:] = [each for each in items if kept(each)]


def kept(item):
    callspec = getattr(item, "callspec", None)
    device = callspec.params.get("_accelbench_device") if callspec else None
    return device is None or device == f"pretend-{item.name.removeprefix('test_')[0]}"
"""

PYPROJECT = """
[tool.pytest.ini_options]
addopts = "-ra --strict-markers --strict-config -p no:hypothesispytest -p no:cacheprovider"
filterwarnings = ["error"]
accelbench_devices = ["pretend-1", "pretend-2", "pretend-4"]
accelbench_history = ""
"""

HELPERS = """
import json
import os
import pathlib
import signal
import time

import pytest

from accelbench import lease

HERE = pathlib.Path(__file__).parent


def holds(train, name, *others):
    \"\"\"Hold units as a run does, until others have begun or, of those called -x, ended.\"\"\"
    device = train.device
    with lease.hold(
        device.units, device.count, lease.lock_folder(), name, lambda *_: None
    ) as held:
        begun = time.monotonic()
        (HERE / f"{name}.begun").touch()
        end = begun + 60
        for other in others:
            file = HERE / (f"{other[1:]}.ended" if other[0] == "-" else f"{other}.begun")
            while not file.exists():
                assert time.monotonic() < end, f"{name} still waits for {other}"
                time.sleep(0.01)
        said = {"name": name, "units": held.units, "begun": begun, "ended": time.monotonic()}
        (HERE / f"{name}.json").write_text(json.dumps(said))
    (HERE / f"{name}.ended").touch()
"""

MIX = """
def test_1_long(train):
    holds(train, "long", *(f"-short{n}" for n in range(8)))


@pytest.mark.parametrize("number", range(8))
def test_1_short(train, number):
    holds(train, f"short{number}")


@pytest.mark.parametrize("pair", [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")])
def test_2_pair(train, pair):
    holds(train, *pair)


@pytest.mark.parametrize("number", range(2))
def test_4_all(train, number):
    holds(train, f"all{number}")


@pytest.mark.parametrize("number", range(9))
def test_plain(number):
    pass
"""

FAULTS = """
@pytest.mark.parametrize("number", range(6))
def test_1_short(train, number):
    holds(train, f"short{number}")


@pytest.mark.parametrize("number", range(2))
def test_2_segfault(train, number):
    with lease.hold(
        train.device.units, train.device.count, lease.lock_folder(), "fault", lambda *_: None
    ):
        os.kill(os.getpid(), signal.SIGSEGV)


def test_2_training_segfaults(train):
    train("faulty", fault=1).check()


def test_1_training_hangs(train):
    train("faulty", fault=2).check()


def test_1_training_works(train):
    train("faulty").check()


@pytest.mark.parametrize("number", range(2))
def test_4_all(train, number):
    holds(train, f"all{number}")


@pytest.mark.parametrize("number", range(5))
def test_plain(number):
    pass
"""

FAULTY = '''
"""faulty: ends as it is told to."""
import os
import signal
import time

from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"batch_size": 10, "fault": 0}
TIERS = {"smoke": [{"dataset": "inline", "epochs": 1, "gates": []}]}


def start(params, seed, arrays):
    def step(number):
        if params.count("fault") == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        if params.count("fault") == 2:
            time.sleep(600)
        return 1.0

    return Stepper(step, lambda: Evaluation(0.5, samples=100, accuracy=0.9), 10, 4)
'''


class Suite:
    """A folder with a suite of its own, on pretended units."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path: Path = pytester.path
        for name in ("kinds", "bench/workloads"):
            (self.path / name).mkdir(parents=True)
        (self.path / "kinds" / "pretend.py").write_text(PRETEND)
        (self.path / "conftest.py").write_text(CONFTEST)
        (self.path / "pyproject.toml").write_text(PYPROJECT)
        (self.path / "bench" / "workloads" / "faulty.py").write_text(FAULTY)

    def run(self, tests: str, *args: str) -> pytest.RunResult:
        (self.path / "bench" / "test_units.py").write_text(HELPERS + tests)
        return self.pytester.runpytest_subprocess("bench", *args, timeout=DEADLINE_SECONDS)

    def held(self) -> list[dict[str, object]]:
        """Return who held which units from when to when."""
        return [json.loads(path.read_text()) for path in self.path.glob("bench/*.json")]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite on four pretended units, whose sessions wait for nobody else on this host."""
    for name in [each for each in os.environ if each.startswith("PYTEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ACCELBENCH_LOCKS", str(pytester.path / "locks"))
    monkeypatch.setenv("PRETEND_UNITS", "4")
    return Suite(pytester)


def held_twice(found: list[dict[str, object]]) -> list[tuple[object, object]]:
    """Return the pairs of tests that held a unit at the same time."""
    return [
        (one["name"], other["name"])
        for one, other in combinations(sorted(found, key=lambda each: str(each["begun"])), 2)
        if set(map(str, one["units"])) & set(map(str, other["units"]))  # type: ignore[call-overload]  # a list
        and float(str(one["begun"])) < float(str(other["ended"]))
        and float(str(other["begun"])) < float(str(one["ended"]))
    ]


def test_tests_of_one_two_and_four_units_share_four_as_well_as_can_be(suite: Suite) -> None:
    result = suite.run(MIX, "-n", "auto", "-v")
    result.assert_outcomes(passed=24)
    result.stdout.fnmatch_lines(["4 workers [[]24 items[]]", "*via UnitScheduling"])
    assert len(suite.held()) == 15
    assert held_twice(suite.held()) == []


@pytest.mark.parametrize("workers", ["2", "4"])
def test_a_session_ends_whatever_hangs_or_crashes(suite: Suite, workers: str) -> None:
    result = suite.run(FAULTS, "-n", workers, "--stall-timeout=first_step=2")
    result.assert_outcomes(passed=14, failed=4)
    result.stdout.fnmatch_lines_random(
        [
            "worker 'gw*' crashed while running *test_2_segfault[[]*0*[]]*",
            "worker 'gw*' crashed while running *test_2_segfault[[]*1*[]]*",
            "faulty-fault=1 crashed(killed by signal 11)*",
            "faulty-fault=2 timed_out(first_step)*",
        ]
    )
    assert held_twice(suite.held()) == []


PICKY = """
from accelbench.devices.kind import DeviceKind, Found


def find(device, config):
    units = tuple(f"pretend:{n}" for n in range(2))
    return Found(device, "pretended", units if device == "any-1" else units[:1])


KIND = DeviceKind("picky", ("any-1", "first-1"), "(any|first)-1", find)
"""

PICKY_TESTS = """
def test_both(train):
    if train.device.device == "any-1":
        holds(train, "any", "first")
    else:
        end = time.monotonic() + 60
        while not (HERE / "any.begun").exists():
            assert time.monotonic() < end, "any never came"
            time.sleep(0.01)
        holds(train, "first")
"""


def test_who_may_take_any_unit_leaves_the_one_that_another_test_needs(suite: Suite) -> None:
    (suite.path / "kinds" / "picky.py").write_text(PICKY)
    (suite.path / "conftest.py").write_text(CONFTEST.partition("\n\ndef ")[0])
    result = suite.run(PICKY_TESTS, "-n2", "--devices=any-1,first-1")
    result.assert_outcomes(passed=2)


STOPS = """
import pytest

@pytest.mark.parametrize("number", range(40))
def test_1_fails(train, number):
    assert number < 0
"""


def test_maxfail_stops_the_session(suite: Suite) -> None:
    result = suite.run(STOPS, "-n2", "--maxfail=3")
    failed = result.parseoutcomes()["failed"]
    assert 3 <= failed <= 3 + 2, "what the two workers had begun"
    result.stdout.fnmatch_lines(["*stopping after * failures*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED


SESSION_WIDE = """
@pytest.fixture(scope="session")
def resource():
    yield
    (HERE / f"released-{os.getpid()}").touch()
    raise RuntimeError("cannot release")


@pytest.mark.parametrize("number", range(6))
def test_1_uses(train, resource, number):
    holds(train, f"uses{number}")
"""


def test_session_wide_fixtures_end_with_their_worker_and_an_error_there_is_one(
    suite: Suite,
) -> None:
    result = suite.run(SESSION_WIDE, "-n2")
    released = len(list(suite.path.glob("bench/released-*")))
    assert released in {1, 2}, "one for each worker that had a test"
    result.assert_outcomes(passed=6, errors=released)
    result.stdout.fnmatch_lines(["E*RuntimeError: cannot release"])


def test_workers_that_collect_different_tests_are_an_error(suite: Suite) -> None:
    tests = """
import os

@pytest.mark.parametrize("worker", [os.environ.get("PYTEST_XDIST_WORKER")])
def test_1_differs(train, worker):
    pass
"""
    result = suite.run(tests, "-n2")
    result.stdout.fnmatch_lines(["Different tests were collected between gw? and gw?*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


PASSES = """
def test_1_passes(train):
    pass


def test_plain():
    pass
"""


def test_a_distribution_that_the_user_chose_is_left_to_xdist(suite: Suite) -> None:
    result = suite.run(PASSES, "--tx=2*popen", "--dist=each", "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["scheduling tests via EachScheduling"])
