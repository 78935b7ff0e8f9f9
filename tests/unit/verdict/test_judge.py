"""The verdict on one metric: from the first run's screen over fresh runs to a status."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from accelbench import metrics
from accelbench.records import More, Reading, Verdict
from accelbench.verdict import JudgeOptions, Point, judge
from accelbench.verdict.confirm import pairs, seeds, unpaired
from accelbench.verdict.evidence import FRESH, NEW, PAIRED_CODE, SCREEN
from accelbench.verdict.judge import LEAST_REFERENCES
from accelbench.verdict.trajectory import CHANGED, SAME, Trajectory

ACCURACY = metrics.metric("accuracy")
LOSS = metrics.metric("loss")
THROUGHPUT = metrics.metric("throughput")

REFERENCE = [0.98, 1.01, 1.0, 0.995, 1.02, 1.005, 0.99, 1.0, 1.008, 0.992, 1.012, 0.988]
WIDE = JudgeOptions(rerun=True, smallest_effect=0.1)
"""Fresh runs can be made, and only changes of 10 % matter: a pass is not blind."""


def stored(values: list[float], trials: int | None = None) -> list[Point]:
    return [Point(Reading(v, trials=trials), f"s{i:02}", f"{i:02}") for i, v in enumerate(values)]


def runs(first: float, fresh: list[float], role: str = FRESH) -> list[Point]:
    return [Point(Reading(first)), *(Point(Reading(v), role=role) for v in fresh)]


def judged(
    first: float, fresh: list[float] | None = None, options: JudgeOptions = WIDE, **changes: object
) -> Verdict:
    """Return the verdict on a loss whose stored values lie around 1."""
    return judge(LOSS, stored(REFERENCE), [], runs(first, fresh or []), replace(options, **changes))  # type: ignore[arg-type]  # a wrong name fails here


# --------------------------------------------------------------------------------- one run alone
def test_a_usual_run_passes_with_what_it_would_have_caught() -> None:
    verdict = judged(1.001)
    assert verdict.status == "passed"
    assert verdict.detectable is not None
    assert 0 < verdict.detectable < 0.1
    assert (verdict.value, verdict.reference, verdict.reference_runs) == (1.001, 1.0, 12)
    assert (verdict.suspected_by, verdict.new_runs, verdict.more) == ((), 0, None)


def test_a_pass_that_could_not_see_the_smallest_effect_is_blind_and_says_so() -> None:
    verdict = judged(1.001, smallest_effect=1e-4)
    assert verdict.status == "blind"
    assert verdict.message.startswith("only a change of ")
    assert verdict.message.endswith("0.01 % matters: record more reference runs")


def test_a_suspect_asks_for_fresh_seeds() -> None:
    verdict = judged(1.2)
    assert (verdict.status, verdict.more) == ("more", More("fresh", seeds.LOOKS[0]))
    assert verdict.suspected_by == ("screen",)


def test_where_nothing_can_be_run_again_a_suspect_is_inconclusive_and_says_what_would_do() -> None:
    verdict = judged(1.2, rerun=False)
    assert verdict.status == "inconclusive"
    assert verdict.message == f"suspected by screen; {seeds.LOOKS[0]} fresh runs would decide"
    assert judged(1e9, rerun=False).status == "inconclusive"


def test_the_bound_is_where_the_screen_begins_to_suspect() -> None:
    bound = judged(1.0).bound
    assert bound is not None
    assert judged(bound * (1 - 1e-9)).suspected_by == ()
    assert judged(bound * (1 + 1e-9)).suspected_by == ("screen",)


@pytest.mark.parametrize(
    ("metric", "method", "more"),
    [
        (THROUGHPUT, "unpaired", More("fresh", unpaired.LOOKS[0])),
        (THROUGHPUT, PAIRED_CODE, More("pairs", pairs.LOOKS[0])),
        (LOSS, PAIRED_CODE, More("fresh", seeds.LOOKS[0])),
    ],
)
def test_each_scope_has_its_own_way_to_confirm(
    metric: metrics.Metric, method: str, more: More
) -> None:
    worse = 0.5 if metric.direction == "higher" else 2.0
    options = JudgeOptions(rerun=True, method=method)
    assert judge(metric, stored(REFERENCE), [], runs(worse, []), options).more == more


def test_a_changed_trajectory_alone_asks_for_fresh_runs() -> None:
    changed = Trajectory(CHANGED, step=7, ratio=30.0)
    verdict = judged(1.0, trajectory=changed)
    assert verdict.suspected_by == ("early trajectory from step 7 on",)
    assert verdict.status == "more"
    assert judged(1.0, trajectory=Trajectory(SAME, 3, 2.0)).suspected_by == ()
    assert judged(1.0, [1.0, 0.99, 1.01], trajectory=changed).status == "passed"


def test_a_sum_over_nights_alone_asks_for_fresh_runs() -> None:
    history = [Point(Reading(1.013 + i / 1e5), f"t{i:02}", f"t{i:02}") for i in range(25)]
    verdict = judge(LOSS, stored(REFERENCE), history, runs(1.013, []), WIDE)
    assert verdict.suspected_by == ("cusum",)
    assert verdict.history_runs == 25


# ----------------------------------------------------------------------------------- fresh runs
def test_fresh_runs_that_are_worse_too_are_a_regression() -> None:
    verdict = judged(1.2, [1.2, 1.21, 1.19, 1.2, 1.22, 1.18, 1.2, 1.21])
    assert verdict.status == "regressed"
    assert verdict.judge == "fresh seeds"
    assert verdict.new_runs == seeds.LOOKS[-1]
    assert verdict.effect == pytest.approx(0.2, abs=0.02)
    assert verdict.interval[0] < (verdict.effect or 0.0) < verdict.interval[1]
    assert verdict.p_value is not None
    assert verdict.alpha is not None
    assert verdict.p_value <= verdict.alpha < WIDE.alpha


def test_fresh_runs_that_are_usual_clear_the_suspicion() -> None:
    verdict = judged(1.2, [1.0, 0.99, 1.01])
    assert verdict.status == "passed"
    assert verdict.suspected_by == ("screen",)
    assert verdict.new_runs == 3


def test_what_is_neither_shown_nor_ruled_out_is_inconclusive() -> None:
    verdict = judged(
        1.2, [1.011, 1.013, 1.009, 1.016, 1.003, 1.012, 1.0, 1.2], smallest_effect=0.001
    )
    assert verdict.status == "inconclusive"
    assert verdict.message == "suspected, and neither shown nor ruled out"


def test_what_can_only_be_too_small_to_matter_passes() -> None:
    fresh = [1.011, 1.013, 1.009, 1.016, 1.003, 1.012, 1.0, 1.2]
    verdict = judged(1.2, fresh)
    assert verdict.status == "passed"
    assert verdict.interval[1] < 0.1


def test_a_real_change_below_half_of_the_smallest_effect_passes_and_is_told() -> None:
    verdict = judged(1.04, [1.04, 1.041, 1.039, 1.04, 1.042, 1.038, 1.04, 1.041])
    assert verdict.status == "passed"
    assert verdict.message == "real, but below half of the smallest effect"
    assert verdict.p_value is not None


def test_a_change_beyond_all_numbers_is_no_small_one() -> None:
    huge = [1e307 * (i + 1) for i in range(8)]
    verdict = judge(LOSS, stored([5e-324] * 12), [], runs(1e308, huge), WIDE)
    assert verdict.status == "regressed"
    assert verdict.effect is None


@pytest.mark.parametrize("fresh", [[], [0.5, 0.51, 0.49, 0.5, 0.52, 0.5, 0.5, 0.5]])
def test_an_improvement_is_told_where_fresh_runs_show_it(fresh: list[float]) -> None:
    verdict = judged(0.5, fresh)
    assert verdict.status == ("improved" if fresh else "passed")
    if fresh:
        assert verdict.effect == pytest.approx(-0.5, abs=0.02)
        assert verdict.p_value is not None


def test_better_fresh_runs_of_a_throughput_are_an_improvement_too() -> None:
    new = [Point(Reading(2.0 + i / 50), role=role, pair=i) for i in range(8) for role in (NEW,)]
    base = [Point(Reading(1.0 + i / 50), role="base", pair=i) for i in range(8)]
    first = Point(Reading(2.0))
    options = JudgeOptions(rerun=True, method=PAIRED_CODE)
    verdict = judge(THROUGHPUT, stored(REFERENCE), [], [first, *new, *base], options)
    assert verdict.status == "improved"
    assert verdict.effect == pytest.approx(1.0, abs=0.2)


# ---------------------------------------------------------------------------------- collapses
def test_a_collapse_asks_for_fresh_runs_and_healthy_ones_clear_it() -> None:
    reference = stored([0.9, 0.905, 0.91, 0.895, 0.902, 0.9, 0.907, 0.899], 1000)
    first = Point(Reading(0.3, trials=1000))
    options = JudgeOptions(rerun=True, chance=0.1)
    verdict = judge(ACCURACY, reference, [], [first], options)
    assert verdict.suspected_by == ("screen", "collapse")
    fresh = [Point(Reading(v, trials=1000), role=FRESH) for v in (0.9, 0.91, 0.9)]
    assert judge(ACCURACY, reference, [], [first, *fresh], options).status in {"passed", "blind"}
    again = [replace(first, role=FRESH)] * 5
    verdict = judge(ACCURACY, reference, [], [first, *again], options)
    assert verdict.status == "regressed"
    assert verdict.cause.endswith("fresh runs collapsed")


# ---------------------------------------------------------------------------------- too little
def test_without_the_tests_own_run_nothing_is_judged() -> None:
    verdict = judge(LOSS, stored(REFERENCE), [], [Point(Reading(1.0), role=FRESH)], WIDE)
    assert (verdict.status, verdict.message) == ("inconclusive", "the test's own run is missing")


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf]])
def test_without_a_usable_reference_it_is_new(values: list[float]) -> None:
    verdict = judge(LOSS, stored(values), stored(REFERENCE), runs(1.0, []), WIDE)
    assert verdict == Verdict("loss", "new", 1.0)


def test_stored_runs_that_are_no_numbers_do_not_count() -> None:
    wild = [*stored(REFERENCE), *stored([math.nan, math.inf])]
    assert judge(LOSS, wild, stored([math.nan]), runs(1.2, []), WIDE) == judged(1.2)


@pytest.mark.parametrize("count", range(1, LEAST_REFERENCES))
def test_with_few_stored_runs_it_is_learning_and_says_how_many_are_needed(count: int) -> None:
    verdict = judge(LOSS, stored(REFERENCE[:count]), [], runs(9.0, []), WIDE)
    assert verdict.status == "learning"
    assert verdict.message == (f"{count} reference runs; {LEAST_REFERENCES} are needed to judge")


def test_while_no_rank_test_could_reject_it_is_learning_and_says_how_many_are_needed() -> None:
    limit = seeds.last_alpha(WIDE.alpha, collapses=False)
    needed = next(count for count in range(99) if seeds.least_p(count) <= limit)
    for count in range(LEAST_REFERENCES, len(REFERENCE)):
        verdict = judge(LOSS, stored(REFERENCE[:count]), [], runs(9.0, []), WIDE)
        assert verdict.status == ("more" if count >= needed else "learning")
        if count < needed:
            said = f"{count} stored runs; {needed} healthy ones are needed to judge"
            assert verdict.message == said
    assert verdict.status == "more"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_run_that_is_no_number_has_failed_first_or_fresh(value: float) -> None:
    for verdict in (judged(value), judged(1.0, [1.0, value])):
        assert verdict.status == "failed"
        assert verdict.message == f"loss is {value}, not a number"


# ------------------------------------------------------------------------------------- options
def test_the_nights_rate_is_divided_among_its_suspects() -> None:
    few, many = JudgeOptions(gates=1), JudgeOptions(gates=1000, screen=0.2)
    assert few.candidates == JudgeOptions(gates=0).candidates
    assert few.alpha == pytest.approx(few.alpha_night / few.candidates)
    assert many.candidates == pytest.approx(300.0)
    assert many.alpha < few.alpha


def test_a_wider_screen_suspects_more() -> None:
    bounds = [judged(1.0, screen=level).bound or 0.0 for level in (0.05, 0.1, 0.2, 0.4)]
    assert bounds == sorted(bounds, reverse=True)
    assert judged(1.0, rerun=False, screen=0.99).suspected_by in {(), ("screen",)}


def test_the_effect_on_an_accuracy_is_a_difference() -> None:
    reference = stored([0.9, 0.91, 0.89, 0.9, 0.92, 0.9, 0.91], 360)
    points = [Point(Reading(0.5, trials=360), role=role) for role in (SCREEN, *[FRESH] * 8)]
    verdict = judge(ACCURACY, reference, [], points, JudgeOptions(rerun=True))
    assert verdict.status == "regressed"
    assert verdict.effect == pytest.approx(-0.4, abs=0.01)
