"""Our records in pytest-benchmark: the one file that knows its inside.

pytest-benchmark switches itself off in xdist workers, and it times callables, not readings. So its
records are built here, in the controller, from the durations that the workers read on their own
clocks: alike with and without xdist. What its options mean for training tests:

--benchmark-only     training tests run (they are benchmarks), all others are skipped
--benchmark-skip     training tests are skipped
--benchmark-disable  training tests run and are judged; nothing is recorded
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from accelbench.fixtures import trains

if TYPE_CHECKING:
    from accelbench.records import Outcome, Run

_SKIPPED_BY_ONLY = "Skipping non-benchmark"


def select(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Apply --benchmark-only and --benchmark-skip; called after pytest-benchmark has."""
    session = getattr(config, "_benchmarksession", None)
    if session is None or not (session.only or session.skip):
        return
    skip = pytest.mark.skip(reason="Skipping training (--benchmark-skip active).")
    for item in items:
        if not trains(item):
            continue
        if session.only:
            item.own_markers[:] = [m for m in item.own_markers if not _is_skip_by_only(m)]
        elif session.skip:
            item.add_marker(skip)


def _is_skip_by_only(mark: pytest.Mark) -> bool:
    return mark.name == "skip" and str(mark.kwargs.get("reason", "")).startswith(_SKIPPED_BY_ONLY)


def record(config: pytest.Config, outcomes: Sequence[tuple[str, Outcome]]) -> None:
    """Add `<test>:epoch` and `<test>:data_loading` for every training, sorted by test.

    A test's second training adds its number to the name. Only what a test had judged by a baseline
    counts: confirming and reference runs, and those that it compared itself, add nothing.
    """
    from accelbench.verdict.evidence import SCREEN  # it loads numpy, which collecting does without

    session = getattr(config, "_benchmarksession", None)
    if session is None or config.getoption("benchmark_disable"):
        return
    seen: dict[str, int] = {}
    for test, outcome in sorted(outcomes, key=lambda pair: pair[0]):
        # The readings of a broken run are no benchmark.
        if not outcome.expected or outcome.run.spec.role != SCREEN:
            continue
        number = seen[test] = seen.get(test, 0) + 1
        name = test if number == 1 else f"{test}:{number}"
        epochs = outcome.run.epochs
        for kind, seconds in (
            ("epoch", [epoch.seconds for epoch in epochs]),
            ("data_loading", [epoch.data_seconds for epoch in epochs]),
        ):
            if seconds:
                session.benchmarks.append(_metadata(f"{name}:{kind}", kind, outcome.run, seconds))


def _metadata(fullname: str, kind: str, run: Run, seconds: Sequence[float]) -> Any:  # noqa: ANN401  # untyped library
    from pytest_benchmark.stats import Metadata

    params = {"workload": run.spec.workload, "device": run.spec.device, **dict(run.spec.params)}
    fixture = SimpleNamespace(
        name=fullname.rpartition("::")[2],
        fullname=fullname,
        group=kind,
        param=f"{run.spec.workload}-{run.spec.device}",
        params=params,
        extra_info={
            "state": str(run.state),
            "dataset": run.spec.dataset,
            "batch_size": run.counters.batch_size,
            "samples": run.epochs[0].samples,
        },
        cprofile_stats=None,
        has_error=False,
    )
    metadata = Metadata(fixture, iterations=1, options={"timer": "worker"})
    for each in seconds:
        metadata.stats.update(each)
    return metadata
