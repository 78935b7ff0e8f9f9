"""The loss is the one on the test set, not that of the last epoch's training."""

from __future__ import annotations

from collections.abc import Callable

from accelbench.metrics.loss import METRIC
from accelbench.records import Evaluation, Reading, Run

MakeRun = Callable[..., Run]


def test_the_last_evaluation_counts(make_run: MakeRun) -> None:
    assert METRIC.read(make_run()) == Reading(0.5)


def test_a_loss_of_zero_is_a_reading(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(evaluation=Evaluation(loss=0.0, samples=4))) == Reading(0.0)
