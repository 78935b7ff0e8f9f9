"""The fixtures: device, train, cell, and the names people expect: cpu, gpu, ipu, cerebras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelbench.devices import Found, Unavailable, kind_of, one_replica
from accelbench.options import OPTIONS, Options

if TYPE_CHECKING:
    from accelbench.declarations import Cell
    from accelbench.training import Train

FOUND = pytest.StashKey[dict[str, Found | Unavailable]]()
CALL_PASSED = pytest.StashKey[bool]()
CHOSEN_UNITS = pytest.StashKey[tuple[str, ...]]()
"""Of a test: the units that were free for it when an xdist worker got it."""

# What is parametrized are private fixtures: a suite that has a `device`, `cell` or `train` of its
# own, as a fixture or a parameter, no longer asks for these and is left alone.
DEVICE = "_accelbench_device"
CELL = "_accelbench_cell"

FIXED = ("cpu", "gpu", "ipu", "cerebras")

GATES_OF_OTHER_TESTS = 3
"""Gates counted for a test that names its workload when it runs: accuracy, loss, throughput."""


GATES_MARKER = (
    "gates(count): how many gated metrics a test checks that names its workloads when it runs "
    f"(default: {GATES_OF_OTHER_TESTS})"
)


TIERS_MARKER = "tiers(name, ...): the tiers in which a test trains; in the others it has no device"


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a test its devices, each with exactly its marks, and its cells of the tier."""
    options = metafunc.config.stash[OPTIONS]
    if CELL in metafunc.fixturenames:
        cells = [pytest.param(cell, id=cell.name) for cell in _cells(options)]
        metafunc.parametrize(CELL, cells, indirect=True)
    if DEVICE in metafunc.fixturenames:
        devices = [
            pytest.param(device, id=device, marks=_marks(device))
            for device in options.devices
            if _in_tier(metafunc, options) and _suits(device, metafunc.fixturenames, options)
        ]
        metafunc.parametrize(DEVICE, devices, indirect=True)


def _in_tier(metafunc: pytest.Metafunc, options: Options) -> bool:
    marker = metafunc.definition.get_closest_marker("tiers")
    return marker is None or options.tier in marker.args


def _suits(device: str, names: Sequence[str], options: Options) -> bool:
    """Tell whether a test that asks for these fixtures has anything to do on a device."""
    fixed = [name for name in FIXED if name in names]
    if fixed and device not in fixed and kind_of(device).group not in fixed:
        return False
    if "one_replica" in names and one_replica(device) == device:
        return False
    return "reference_device" not in names or device != options.reference_device


def _cells(options: Options) -> list[Cell]:
    from accelbench import workload_files
    from accelbench.declarations import DeclarationError

    try:
        return [
            cell
            for declaration in workload_files.every(options.settings.workloads)
            for cell in declaration.cells(options.tier)
        ]
    except DeclarationError as error:
        raise pytest.Collector.CollectError(str(error)) from None


def _marks(device: str) -> list[pytest.MarkDecorator]:
    return [getattr(pytest.mark, name) for name in kind_of(device).marks(device)]


def trains(item: pytest.Item) -> bool:
    """Tell whether a test uses our `train`."""
    names = getattr(item, "fixturenames", ())
    return "train" in names and DEVICE in names


def count_gates(items: Sequence[pytest.Item]) -> int:
    """Return how many gated metrics the collected tests have."""
    return sum(gates_of(item) for item in items if trains(item))


def gates_of(item: pytest.Item) -> int:
    """Return how many gated metrics a test may check: by its marker, its cell, or the usual 3."""
    from accelbench.declarations import Cell

    marker = item.get_closest_marker("gates")
    if marker is not None:
        return int(marker.args[0])
    callspec = getattr(item, "callspec", None)
    cell = callspec.params.get(CELL) if callspec else None
    return len(cell.gates) if isinstance(cell, Cell) else GATES_OF_OTHER_TESTS


@pytest.fixture(name=CELL)
def _cell(request: pytest.FixtureRequest) -> Cell:
    found: Cell = request.param
    return found


@pytest.fixture
def cell(_accelbench_cell: Cell) -> Cell:
    """A cell of the tier: what one workload trains on, for how long, with which gated metrics."""
    return _accelbench_cell


@pytest.fixture
def device(_accelbench_device: Found) -> Found:
    """The device under test, found now; absent, the test is skipped with the device's words."""
    return _accelbench_device


def find(config: pytest.Config, device: str) -> Found | Unavailable:
    """Find a device, once a session."""
    found = config.stash.setdefault(FOUND, {})
    if device not in found:
        settings = config.stash[OPTIONS].settings
        found[device] = kind_of(device).find(device, settings.device_config(device))
    return found[device]


@pytest.fixture(name=DEVICE)
def _device(request: pytest.FixtureRequest) -> Found:
    from accelbench.training import absent

    name: str = request.param
    result = find(request.config, name)
    if isinstance(result, Unavailable):
        required = request.config.stash[OPTIONS].required
        absent(f"{name}: {result.reason}", required=name in required)
        raise AssertionError("absent() always raises")
    chosen = request.node.stash.get(CHOSEN_UNITS, ())
    return replace(result, units=tuple(sorted(result.units, key=lambda unit: unit not in chosen)))


@pytest.fixture
def cpu(device: Found) -> Found:
    """The device under test, for tests that are about the cpu alone."""
    return device


@pytest.fixture
def gpu(device: Found) -> Found:
    """The device under test, for tests that are about GPUs alone."""
    return device


@pytest.fixture
def ipu(device: Found) -> Found:
    """The device under test, for tests that are about an IPU alone."""
    return device


@pytest.fixture
def cerebras(device: Found) -> Found:
    """The device under test, for tests that are about a Cerebras system alone."""
    return device


@pytest.fixture(name="one_replica")
def _one_replica(device: Found) -> str:
    """The id of one replica of the device: cpu of cpu-4. Only several replicas get the test."""
    return one_replica(device.device)


@pytest.fixture
def reference_device(request: pytest.FixtureRequest) -> str:
    """The id of the device to agree with (ini accelbench_reference_device); it gets no test."""
    return request.config.stash[OPTIONS].reference_device


@pytest.fixture
def train(
    request: pytest.FixtureRequest, device: Found, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Train]:
    """Train a workload on the device: `train("mnist_cnn", batch_size=16).check()`."""
    from accelbench import context, training

    shared = context.context(request.config, tmp_path_factory.getbasetemp())

    def beside(name: str) -> Found | Unavailable:
        return find(request.config, name)

    fixture = training.Train(shared, request.node, device, beside)
    yield fixture
    if request.node.stash.get(CALL_PASSED, False):
        fixture.settle(gates_of(request.node))
