"""compile_seconds holds the first step too: what is compiled on first use shows there."""

from __future__ import annotations

from collections.abc import Callable

from accelbench.metrics.compile_seconds import METRIC
from accelbench.records import Phases, Reading, Run

MakeRun = Callable[..., Run]


def test_compilation_and_first_step_are_summed(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(phases=Phases(compile=2.0, first_step=0.5))) == Reading(2.5)


def test_nothing_else_of_the_run_is_in_it(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(phases=Phases(queue=1.0, imports=2.0, steady=3.0))) == Reading(0.0)


def test_a_run_without_a_step_has_none(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(epochs=(), phases=Phases(compile=2.0))) is None
