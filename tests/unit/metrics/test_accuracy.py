"""The accuracy is the last evaluation's, with the size of the test set."""

from __future__ import annotations

from collections.abc import Callable

from accelbench.metrics.accuracy import METRIC
from accelbench.records import Evaluation, Reading, Run

MakeRun = Callable[..., Run]


def test_the_last_evaluation_counts_with_its_trials(make_run: MakeRun) -> None:
    assert METRIC.read(make_run()) == Reading(0.9, trials=360)


def test_a_workload_that_does_not_classify_has_none(make_run: MakeRun) -> None:
    assert METRIC.read(make_run(evaluation=Evaluation(loss=0.1, samples=4))) is None


def test_no_answer_right_is_a_reading_and_not_a_missing_one(make_run: MakeRun) -> None:
    run = make_run(evaluation=Evaluation(loss=0.1, samples=4, accuracy=0.0))
    assert METRIC.read(run) == Reading(0.0, trials=4)
