"""The fixtures: device, train, cell, and the names people expect: cpu, gpu, ipu, cerebras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

from accelbench.devices import Found, Unavailable, kind_of
from accelbench.options import OPTIONS, Options

if TYPE_CHECKING:
    from accelbench.declarations import Cell
    from accelbench.training import Train

FOUND = pytest.StashKey[dict[str, Found | Unavailable]]()
CALL_FAILED = pytest.StashKey[bool]()

FIXED = ("cpu", "gpu", "ipu", "cerebras")

GATES_OF_OTHER_TESTS = 3
"""Gates counted for a test that names its workload when it runs: accuracy, loss, throughput."""


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a test its devices, each with exactly its marks, and its cells of the tier."""
    options = metafunc.config.stash[OPTIONS]
    if "cell" in metafunc.fixturenames:
        cells = _cells(options)
        metafunc.parametrize("cell", [pytest.param(cell, id=cell.name) for cell in cells])
    if "device" in metafunc.fixturenames:
        fixed = [name for name in FIXED if name in metafunc.fixturenames]
        devices = [
            pytest.param(device, id=device, marks=_marks(device))
            for device in options.devices
            if not fixed or device in fixed or kind_of(device).group in fixed
        ]
        metafunc.parametrize("device", devices, indirect=True)


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


def count_gates(items: Sequence[pytest.Item]) -> int:
    """Return how many gated metrics the collected tests have."""
    training = [item for item in items if "train" in getattr(item, "fixturenames", ())]
    return sum(map(_gates, training))


def _gates(item: pytest.Item) -> int:
    from accelbench.declarations import Cell

    callspec = getattr(item, "callspec", None)
    cell = callspec.params.get("cell") if callspec else None
    return len(cell.gates) if isinstance(cell, Cell) else GATES_OF_OTHER_TESTS


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Found:
    """The device under test, found now; absent, the test is skipped with the device's words."""
    from accelbench.training import absent

    name: str = request.param
    config = request.config
    options, found = config.stash[OPTIONS], config.stash.setdefault(FOUND, {})
    if name not in found:
        found[name] = kind_of(name).find(name, options.settings.device_config(name))
    result = found[name]
    if isinstance(result, Unavailable):
        absent(f"{name}: {result.reason}", required=name in options.required)
        raise AssertionError("absent() always raises")
    return result


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


@pytest.fixture
def train(
    request: pytest.FixtureRequest, device: Found, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Train]:
    """Train a workload on the device: `train("mnist_cnn", batch_size=16).check()`."""
    from accelbench import training

    context = training.context(request.config, tmp_path_factory.getbasetemp())
    fixture = training.Train(context, request.node, device)
    yield fixture
    if not request.node.stash.get(CALL_FAILED, False):
        fixture.fail_if_unchecked()
