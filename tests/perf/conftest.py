"""Tests marked `perf` run with `-m perf` only; `--write-performance` keeps what they find."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ratios import Finding, write
from training_pairs import subset

from accelbench.data import DataMissingError, dataset, prepare
from accelbench.records import DataFiles

Record = Callable[[Finding], None]

FINDINGS = pytest.StashKey[list[Finding]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-performance",
        action="store_true",
        help="Write what tests/perf finds to docs/performance.json and docs/performance.md",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave measurements out of ordinary test runs: they need the machine for themselves."""
    if "perf" in config.getoption("markexpr"):
        return
    measuring = [item for item in items if item.get_closest_marker("perf")]
    if measuring:
        items[:] = [item for item in items if item not in measuring]
        config.hook.pytest_deselected(items=measuring)


@pytest.fixture(scope="session")
def findings(request: pytest.FixtureRequest) -> Iterator[list[Finding]]:
    found: list[Finding] = []
    yield found
    # Without the option's conftest on the command line there is no such option.
    if request.config.getoption("write_performance", default=False):
        write(found)


@pytest.fixture
def record(findings: list[Finding], capsys: pytest.CaptureFixture[str]) -> Record:
    """Print a finding, keep it, and fail where it misses its target."""

    def keep(finding: Finding) -> None:
        findings.append(finding)
        with capsys.disabled():
            print(f"\n{finding} ({finding.rounds} rounds)")  # noqa: T201  # the suite's output
        assert finding.value <= finding.target, str(finding)

    return keep


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DataFiles:
    """The embedded digits, 28 x 28."""
    return prepare(dataset("digits"), tmp_path_factory.mktemp("digits"), (28, 28))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> DataFiles:
    """3,200 training images: MNIST's where ACCELBENCH_DATA holds it, else digits repeated."""
    folder, root = tmp_path_factory.mktemp("images"), os.environ.get("ACCELBENCH_DATA")
    try:
        return subset("mnist", Path(root or folder), folder, 3200)
    except DataMissingError:
        return subset("digits", folder, folder, 3200)
