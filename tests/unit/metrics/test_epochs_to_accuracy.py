"""Epochs to the target are counted from 1, and a target never reached is censored, not missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from accelbench.metrics.epochs_to_accuracy import METRIC
from accelbench.records import Reading, Run

MakeRun = Callable[..., Run]


@pytest.mark.parametrize(
    ("target", "reading"),
    [
        (0.5, Reading(1.0)),
        (0.8, Reading(1.0)),
        (0.85, Reading(2.0)),
        (0.9, Reading(2.0)),
        (0.95, Reading(2.0, censored=True)),
    ],
)
def test_epochs_up_to_the_first_that_reaches_the_target(
    make_run: MakeRun, target: float, reading: Reading
) -> None:
    assert METRIC.read(make_run(target_accuracy=target)) == reading


def test_an_accuracy_that_falls_again_had_been_reached(make_run: MakeRun) -> None:
    first, second = make_run().epochs
    run = make_run(epochs=(second, first), target_accuracy=0.85)
    assert METRIC.read(run) == Reading(1.0)


def test_an_epoch_that_was_not_evaluated_may_have_reached_it(make_run: MakeRun) -> None:
    first, second = make_run().epochs
    unknown = replace(first, accuracy=None)
    for target in (0.1, 0.95):  # reached by the last epoch, and by none
        run = make_run(epochs=(unknown, second), target_accuracy=target)
        assert METRIC.read(run) is None


def test_after_the_target_an_epoch_need_not_be_evaluated(make_run: MakeRun) -> None:
    first, second = make_run().epochs
    run = make_run(epochs=(first, replace(second, accuracy=None)), target_accuracy=0.1)
    assert METRIC.read(run) == Reading(1.0)


def test_a_workload_without_a_target_has_none(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(target_accuracy=None)) is None


def test_a_target_without_epochs_has_none(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(target_accuracy=0.5, epochs=())) is None


def test_it_counts_on_any_machine(make_run: MakeRun) -> None:
    assert METRIC.scope == "portable"
    slow = tuple(replace(epoch, seconds=100.0) for epoch in make_run().epochs)
    assert METRIC.read(make_run(epochs=slow, target_accuracy=0.85)) == Reading(2.0)
