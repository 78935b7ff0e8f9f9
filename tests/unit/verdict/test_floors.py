"""Floors: absolute limits, whatever the baseline says."""

from __future__ import annotations

import math

import pytest

from accelbench import metrics
from accelbench.records import Reading, Verdict
from accelbench.verdict import Floor, JudgeOptions, Point, floors, judge
from accelbench.verdict.evidence import FRESH, NEW, PAIRED_CODE, SCREEN

ACCURACY = metrics.metric("accuracy")
LOSS = metrics.metric("loss")
THROUGHPUT = metrics.metric("throughput")

REFERENCE = [Point(Reading(0.9 + i / 1000, trials=1000), f"s{i}") for i in range(-6, 6)]


def judged(
    values: list[float],
    floor: Floor,
    reference: list[Point] | None = None,
    *,
    rerun: bool = True,
    digits: int | None = None,
) -> Verdict:
    """Return the verdict on an accuracy and its fresh runs; nine in ten are usual."""
    roles = [SCREEN, *[FRESH] * len(values)]
    runs = [Point(Reading(v, trials=1000), role=r) for v, r in zip(values, roles, strict=False)]
    options = JudgeOptions(rerun=rerun, floor=floor, exact_digits=digits)
    return judge(ACCURACY, REFERENCE if reference is None else reference, [], runs, options)


@pytest.mark.parametrize(
    ("metric", "value", "broken"),
    [
        (ACCURACY, 0.79, True),
        (ACCURACY, 0.81, False),
        (ACCURACY, 0.8, False),
        (LOSS, 0.79, False),
        (LOSS, 0.81, True),
    ],
)
def test_a_floor_is_on_the_worse_side(metric: metrics.Metric, value: float, broken: bool) -> None:
    assert floors.broken(metric, Floor(0.8), Point(Reading(value))) is broken
    assert floors.broken(metric, None, Point(Reading(value))) is False


@pytest.mark.parametrize("reference", [REFERENCE, REFERENCE[:2], []])
def test_a_strict_floor_fails_at_once_with_or_without_a_reference(reference: list[Point]) -> None:
    verdict = judged([0.79], Floor(0.8, strict=True), reference)
    assert verdict.status == "failed"
    assert verdict.message == "accuracy is 0.79, below its floor of 0.8"
    assert verdict.bound == 0.8


@pytest.mark.parametrize("reference", [REFERENCE, REFERENCE[:2], []])
def test_a_soft_floor_asks_for_three_more_runs_and_fails_when_three_of_four_break_it(
    reference: list[Point],
) -> None:
    floor = Floor(0.8)
    first = judged([0.79], floor, reference)
    assert first.status == "more"
    assert first.more is not None
    assert (first.more.kind, first.more.count) == ("fresh", floors.RUNS - 1)
    assert "floor" in first.suspected_by
    verdict = judged([0.79, 0.78, 0.9, 0.77], floor, reference)
    assert verdict.status == "failed"
    assert verdict.message == "accuracy is 0.79, below its floor of 0.8 in 3 of the first 4 runs"


def test_three_broken_ones_are_enough_without_the_fourth() -> None:
    assert judged([0.79, 0.78, 0.77], Floor(0.8)).status == "failed"


def test_two_good_ones_are_enough_without_the_fourth() -> None:
    verdict = judged([0.79, 0.9, 0.9], Floor(0.8))
    assert verdict.status == "more"
    assert verdict.judge == "fresh seeds"
    assert judged([0.79, 0.9, 0.9], Floor(0.8), []).status == "new"


def test_a_single_broken_run_that_fresh_ones_clear_passes() -> None:
    verdict = judged([0.79, 0.9, 0.901, 0.9, 0.899], Floor(0.8))
    assert verdict.status in {"passed", "blind"}
    assert "floor" in verdict.suspected_by


def test_where_nothing_can_be_run_again_a_broken_soft_floor_is_inconclusive() -> None:
    for reference in (REFERENCE, REFERENCE[:2], []):
        verdict = judged([0.79], Floor(0.8), reference, rerun=False)
        assert verdict.status == "inconclusive"
        assert "3 fresh runs would decide" in verdict.message


def test_a_deterministic_workload_breaks_its_floor_at_once() -> None:
    stored = [Point(Reading(0.79, trials=1000))]
    assert judged([0.79], Floor(0.8), stored, digits=6).status == "failed"
    assert judged([0.79], Floor(0.7), stored, digits=6).status == "passed"


def test_a_floor_below_what_is_usual_changes_nothing() -> None:
    assert judged([0.9], Floor(0.8)) == judged([0.9], Floor(-math.inf))


@pytest.mark.parametrize("limit", [math.nan, -math.inf])
def test_a_limit_that_nothing_can_break_fails_nothing(limit: float) -> None:
    assert judged([0.9], Floor(limit, strict=True)).status in {"passed", "blind"}


def test_the_runs_of_the_new_side_count_for_a_pairs_floor() -> None:
    stored = [Point(Reading(100.0 + i), f"s{i}") for i in range(8)]
    options = JudgeOptions(rerun=True, method=PAIRED_CODE, floor=Floor(50.0))
    first = Point(Reading(40.0))
    verdict = judge(THROUGHPUT, stored, [], [first], options)
    assert verdict.more is not None
    assert (verdict.more.kind, verdict.more.count) == ("pairs", 3)
    fresh = [Point(Reading(40.0), role=NEW, pair=i) for i in range(3)]
    assert judge(THROUGHPUT, stored, [], [first, *fresh], options).status == "failed"
