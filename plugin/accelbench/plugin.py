"""The pytest hooks; each one hands over to the module that decides."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from accelbench import benchmark_records, distribution, fixtures, options
from accelbench.fixtures import (
    _cell,
    _device,
    _one_replica,
    cell,
    cerebras,
    cpu,
    device,
    gpu,
    ipu,
    reference_device,
    train,
)
from accelbench.options import PROPERTY

if TYPE_CHECKING:
    from accelbench.session import Session

__all__ = [
    "_cell",
    "_device",
    "_one_replica",
    "cell",
    "cerebras",
    "cpu",
    "device",
    "gpu",
    "ipu",
    "reference_device",
    "train",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    options.add_options(parser)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Note how tests are to be distributed, before xdist decides what was left open."""
    distribution.note_chosen(config)
    return (yield)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Let -n auto be one worker for each unit."""
    return distribution.auto_workers(config)


def pytest_configure(config: pytest.Config) -> None:
    """Parse the options and register the markers; controller and workers get plugins of theirs."""
    options.configure(config)
    for marker in (fixtures.GATES_MARKER, fixtures.TIERS_MARKER):
        config.addinivalue_line("markers", marker)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Controller(config), "accelbench-controller")
    elif distribution.PLANS in config.workerinput:
        config.pluginmanager.register(distribution.Worker(config), "accelbench-worker")


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize over cells and devices, after the test's own marks: ids end in the device."""
    fixtures.parametrize(metafunc)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Apply --benchmark-only and --benchmark-skip to training tests."""
    benchmark_records.select(config, items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count the gates of what is left after selection."""
    session.config.stash[options.GATES] = fixtures.count_gates(session.items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether the test's own part passed."""
    report = yield
    if call.when == "call":
        item.stash[fixtures.CALL_PASSED] = report.passed
    return report


class Controller:
    """The hooks of the one process that collects outcomes and writes."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._session: Session | None = None
        self._failed: set[str] = set()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401  # xdist has no types
        """Give every xdist worker the id of the one session, and a place for its plan."""
        node.workerinput[options.WORKER_INPUT] = self._config.stash[options.SESSION_ID]
        distribution.tell_worker(self._config, node.workerinput)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:  # noqa: ANN401  # xdist has no types
        """Spread tests by the units of their devices, where -n alone was given."""
        if not distribution.wanted(config):
            return None
        from accelbench import schedule

        return schedule.UnitScheduling(config, log)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in a test's outcomes, from this process or from an xdist worker."""
        if report.failed:
            self._failed.add(report.nodeid)
        outcomes: list[Any] = [v for name, v in report.user_properties if name == PROPERTY]
        if report.when == "teardown" and outcomes:
            self._opened().hear(report.nodeid, outcomes, failed=report.nodeid in self._failed)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Record benchmarks before pytest-benchmark saves them; then update the baselines."""
        required = self._config.stash[options.OPTIONS].required
        if (self._session or required) and not self._config.getoption("collectonly"):
            opened = self._opened()
            benchmark_records.record(self._config, opened.outcomes)
            opened.finish(required)
            if opened.errors and session.exitstatus in _GREEN:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the table of verdicts, below pytest-benchmark's tables."""
        if self._session is not None:
            from accelbench.report import summary

            summary.write(terminalreporter, self._session)

    def _opened(self) -> Session:
        if self._session is None:
            from accelbench import session

            chosen = self._config.stash[options.OPTIONS]
            self._session = session.opened(chosen, self._config.stash.get(options.GATES, 0))
        return self._session


_GREEN = {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
