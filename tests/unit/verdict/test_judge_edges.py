"""Edges of the judge: nothing to compare, resolution, below zero, targets that were not reached."""

from __future__ import annotations

import pytest

from accelbench import metrics
from accelbench.records import Reading, Verdict
from accelbench.verdict import JudgeOptions, Point, judge
from accelbench.verdict.evidence import FRESH

ACCURACY = metrics.metric("accuracy")
LOSS = metrics.metric("loss")
THROUGHPUT = metrics.metric("throughput")
TIME = metrics.metric("time_to_accuracy")

OPTIONS = JudgeOptions(smallest_effect=0.5)


def stored(values: list[float], trials: int | None = None) -> list[Point]:
    return [Point(Reading(v, trials=trials), f"s{i:02}", f"{i:02}") for i, v in enumerate(values)]


def judged(
    metric: metrics.Metric, value: float, values: list[float], trials: int | None = None
) -> Verdict:
    runs = [Point(Reading(value, trials=trials))]
    return judge(metric, stored(values, trials), [], runs, OPTIONS)


PASSES = {"passed", "blind"}


# ---------------------------------------------------------------------------------- resolution
def test_equal_references_still_leave_room_for_the_resolution_of_an_accuracy() -> None:
    found = [judged(ACCURACY, k / 360, [350 / 360] * 10, 360).status for k in (350, 349, 340)]
    assert found[0] in PASSES
    assert found[1] in PASSES
    assert found[2] == "inconclusive"


def test_equal_references_do_not_divide_by_zero() -> None:
    same = [2.0] * 10
    assert judged(LOSS, 2.0, same).status == "passed"
    assert judged(LOSS, 2.1, same).status == "inconclusive"
    assert judged(LOSS, 1.9, same).status == "passed"


@pytest.mark.parametrize("factor", [1 + 9e-7, 1 - 9e-7])
def test_equal_references_leave_room_for_the_resolution_of_float32(factor: float) -> None:
    for metric in (LOSS, THROUGHPUT):
        assert judged(metric, 2.0 * factor, [2.0] * 10).status == "passed"
        worse = 1 + metric.worse * 2e-5
        assert judged(metric, 2.0 * worse, [2.0] * 10).status == "inconclusive"


def test_huge_counts_are_resolved_finely() -> None:
    values = [0.5, 0.5 + 1e-9, 0.5 - 1e-9, *[0.5] * 6]
    assert judged(ACCURACY, 0.5, values, 10**18).status == "passed"
    assert judged(ACCURACY, 0.4, values, 10**18).status == "inconclusive"


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_and_all_wrong_can_be_judged(value: float) -> None:
    assert judged(ACCURACY, value, [value] * 10, 360).status in PASSES


def test_accuracies_of_different_test_sets_are_compared() -> None:
    reference = [*stored([0.9, 0.91, 0.89, 0.9], 1000), *stored([0.9, 0.902, 0.898, 0.9], 10_000)]
    for value, wanted in ((0.9, PASSES), (0.5, {"inconclusive"})):
        runs = [Point(Reading(value, trials=360))]
        assert judge(ACCURACY, reference, [], runs, OPTIONS).status in wanted


# ---------------------------------------------------------------------------------- below zero
@pytest.mark.parametrize(
    ("value", "values", "said"),
    [
        (-0.5, [0.5] * 9, "it is -0.5: loss is compared by ratio, from 0 up"),
        (-0.1, [-0.5] * 9, "it is -0.1: loss is compared by ratio, from 0 up"),
        (0.1, [-0.5] * 9, "a stored run's is -0.5: loss is compared by ratio, from 0 up"),
        (0.5, [-1e-13, *[0.5] * 9], "a stored run's is -1e-13: loss is compared by ratio"),
        (-0.5, [0.5], "it is -0.5: loss is compared by ratio, from 0 up"),
    ],
)
def test_what_is_below_zero_has_no_ratio_and_is_inconclusive(
    value: float, values: list[float], said: str
) -> None:
    verdict = judged(LOSS, value, values)
    assert verdict.status == "inconclusive"
    assert verdict.message.startswith(said)
    assert (verdict.value, verdict.reference_runs) == (value, len(values))


def test_a_fresh_run_and_a_night_below_zero_are_told_too() -> None:
    runs = [Point(Reading(0.5)), Point(Reading(-0.5), role=FRESH)]
    assert judge(LOSS, stored([0.5] * 9), [], runs, OPTIONS).message.startswith("it is -0.5")
    verdict = judge(LOSS, stored([0.5] * 9), stored([-1.0]), runs[:1], OPTIONS)
    assert verdict.message.startswith("a stored run's is -1:")


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-12])
def test_zero_is_judged_as_the_resolution(value: float) -> None:
    for reference in (0.0, 1e-12, 5e-13):
        assert judged(LOSS, value, [reference] * 10).status == "passed"
        assert judged(LOSS, 0.1, [reference] * 10).status == "inconclusive"


# -------------------------------------------------------------------------------------- censored
SECONDS = [9.0, 9.2, 8.9, 9.1, 9.3, 9.0, 9.1, 8.8, 9.2, 9.0, 9.1, 8.9]


def until(
    value: float, fresh: list[Reading], *, rerun: bool = True, metric: metrics.Metric = TIME
) -> Verdict:
    """Return the verdict on a run that did not reach its target before a time."""
    runs = [Point(Reading(value, censored=True)), *(Point(r, role=FRESH) for r in fresh)]
    return judge(metric, stored(SECONDS), [], runs, JudgeOptions(rerun=rerun))


NEVER = [Reading(5.0, censored=True)] * 8


@pytest.mark.parametrize("value", [5.0, 9.1, 12.0])
def test_a_target_that_was_not_reached_is_suspected_whatever_its_time(value: float) -> None:
    assert until(value, []).status == "more"
    assert "target not reached" in until(value, []).suspected_by
    alone = until(value, [], rerun=False)
    assert alone.status == "inconclusive"
    assert alone.message.startswith(f"target not reached within {value:.5g} s; ")


@pytest.mark.parametrize("fresh", [NEVER, [Reading(9.0)] * 8])
def test_a_target_that_was_not_reached_never_passes(fresh: list[Reading]) -> None:
    verdict = until(5.0, fresh)
    assert verdict.status == "inconclusive"
    assert verdict.message == "target not reached within 5 s"


def test_one_that_is_later_than_all_stored_ones_regresses() -> None:
    assert until(20.0, [Reading(20.0, censored=True)] * 8).status == "regressed"


def test_fresh_runs_that_never_reached_the_target_clear_nothing_and_improve_nothing() -> None:
    fresh = [Point(r, role=FRESH) for r in NEVER]
    options = JudgeOptions(rerun=True)
    late = judge(TIME, stored(SECONDS), [], [Point(Reading(20.0)), *fresh], options)
    assert late.status == "inconclusive"
    assert late.message == "target not reached within 5 s"
    early = judge(TIME, stored(SECONDS), [], [Point(Reading(5.0)), *fresh], options)
    assert early.status != "improved"


def test_a_lower_bound_tells_nothing_of_a_metric_that_is_better_when_higher() -> None:
    for value in (5.0, 9.0, 20.0):
        assert until(value, [], metric=THROUGHPUT).status == "inconclusive"


@pytest.mark.parametrize("reading", [Reading(9.0), Reading(50.0), Reading(5.0, censored=True)])
@pytest.mark.parametrize("count", [1, 11])
def test_references_that_never_reached_the_target_are_counted_and_nothing_is_judged(
    reading: Reading, count: int
) -> None:
    reference = [Point(Reading(5.0, censored=True)), *stored(SECONDS[:count])]
    verdict = judge(TIME, reference, [], [Point(reading)], OPTIONS)
    assert verdict.status == "inconclusive"
    assert verdict.message == (
        f"1 of {count + 1} reference runs never reached the target: "
        "set one that every run reaches, or train longer"
    )


def test_a_night_that_never_reached_the_target_does_not_join_the_history() -> None:
    night = Point(Reading(1.0, censored=True), "t", "t")
    run = [Point(Reading(9.0))]
    assert judge(TIME, stored(SECONDS), [night], run, OPTIONS) == judge(
        TIME, stored(SECONDS), [], run, OPTIONS
    )


def test_a_target_that_was_not_reached_is_new_and_learning_like_any_other() -> None:
    runs = [Point(Reading(5.0, censored=True))]
    assert judge(TIME, [], [], runs, OPTIONS).status == "new"
    assert judge(TIME, stored(SECONDS[:2]), [], runs, OPTIONS).status == "learning"
