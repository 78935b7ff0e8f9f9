"""The verdict on one metric: the Student-t prediction bound of one run, and all its edges."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from statistics import fmean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from accelbench import metrics
from accelbench.records import Reading, Verdict
from accelbench.verdict import STATUSES, Question, judge
from accelbench.verdict.judge import ALPHA_NIGHT, LEAST_REFERENCES, rounded

ACCURACY = metrics.metric("accuracy")
LOSS = metrics.metric("loss")
THROUGHPUT = metrics.metric("throughput")
TIME = metrics.metric("time_to_accuracy")

RANK = {"regressed": 0, "passed": 1, "improved": 2}

REFERENCES = [98.0, 101.0, 100.0, 99.5, 102.0, 100.5, 99.0]


def readings(values: list[float], trials: int | None = None) -> list[Reading]:
    return [Reading(value, trials=trials) for value in values]


def asked(value: float, **changes: object) -> Question:
    """Return a question about a throughput, seven references around 100, one gate."""
    question = Question(THROUGHPUT, Reading(value), readings(REFERENCES))
    return replace(question, **changes)  # type: ignore[arg-type]  # a wrong name fails here


# ------------------------------------------------------------------------------ the closed form
def closed_form(values: list[float], alpha: float, sign: int) -> float:
    """Return the prediction bound: mean + sign t(1 - alpha, K - 1) s sqrt(1 + 1/K)."""
    count = len(values)
    reach = t.ppf(1 - alpha, count - 1) * stdev(values) * math.sqrt(1 + 1 / count)
    return float(fmean(values) + sign * reach)


POSITIVE = st.lists(st.floats(0.5, 2.0), min_size=LEAST_REFERENCES, max_size=12)


@given(POSITIVE, st.integers(1, 50))
def test_the_bound_of_a_quantity_is_the_closed_form_on_the_log_scale(
    values: list[float], gates: int
) -> None:
    if stdev(map(math.log, values)) < 1e-6:
        return
    logs = [math.log(value) for value in values]
    for metric, sign in ((THROUGHPUT, -1), (LOSS, 1)):
        verdict = judge(Question(metric, Reading(1.0), readings(values), gates))
        assert verdict.bound == pytest.approx(math.exp(closed_form(logs, 0.01 / gates, sign)))


@given(st.lists(st.integers(200, 350), min_size=LEAST_REFERENCES, max_size=12))
def test_the_bound_of_an_accuracy_is_the_closed_form_on_the_logit_scale(
    counts: list[int],
) -> None:
    points = [math.log((k + 0.5) / (360 - k + 0.5)) for k in counts]
    if stdev(points) < 0.05:  # below the resolution of one answer in 360, which then counts
        return
    values = [k / 360 for k in counts]
    verdict = judge(Question(ACCURACY, Reading(0.8, trials=360), readings(values, 360)))
    share = 1 / (1 + math.exp(-closed_form(points, 0.01, -1)))
    assert verdict.bound == pytest.approx((share * 361 - 0.5) / 360)


@given(POSITIVE, st.integers(1, 20), st.sampled_from([THROUGHPUT, LOSS]))
def test_at_the_bound_p_is_alpha(values: list[float], gates: int, metric: metrics.Metric) -> None:
    first = judge(Question(metric, Reading(1.0), readings(values), gates))
    assert first.bound is not None
    again = judge(Question(metric, Reading(first.bound), readings(values), gates))
    assert again.p_value == pytest.approx(ALPHA_NIGHT / gates, rel=1e-4)


@pytest.mark.parametrize("name", ["accuracy", "loss", "throughput"])
def test_a_hair_beyond_the_bound_regresses_and_a_hair_before_it_passes(name: str) -> None:
    metric = metrics.metric(name)
    values = [value / 110 for value in REFERENCES]
    question = Question(metric, Reading(0.9, trials=10**6), readings(values, 10**6))
    bound = judge(question).bound
    assert bound is not None
    worse = 1 - 1e-6 if metric.direction == "higher" else 1 + 1e-6
    for factor, status in ((worse, "regressed"), (1 / worse, "passed")):
        reading = Reading(bound * factor, trials=10**6)
        assert judge(replace(question, reading=reading)).status == status


def test_the_rate_of_false_alarms_is_alpha() -> None:
    # 3,000 nights without any change: a normal on the log scale, 8 references, one new run.
    draw, nights = random.Random(1), 3000
    found = []
    for _ in range(nights):
        values = [math.exp(draw.gauss(3, 0.02)) for _ in range(9)]
        verdict = judge(Question(THROUGHPUT, Reading(values[0]), readings(values[1:])))
        assert verdict.p_value is not None
        found.append(verdict)
    for alpha in (0.01, 0.05, 0.25, 0.5):
        rate = sum(v.p_value < alpha for v in found if v.p_value is not None) / nights
        assert rate == pytest.approx(alpha, abs=4 * math.sqrt(alpha * (1 - alpha) / nights))
    alarms = sum(verdict.status == "regressed" for verdict in found)
    assert alarms == sum(v.p_value < 0.01 for v in found if v.p_value is not None)


def test_alpha_is_split_over_the_gates_of_the_collection() -> None:
    assert asked(100.0, gates=25).alpha == pytest.approx(ALPHA_NIGHT / 25)
    assert asked(100.0, gates=0).alpha == ALPHA_NIGHT
    bounds = [judge(asked(100.0, gates=gates)).bound or 0.0 for gates in (1, 10, 100)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > bounds[-1]


# ------------------------------------------------------------------------------------ properties
@given(POSITIVE, st.floats(0.2, 4.0), st.randoms(use_true_random=False))
def test_the_order_of_the_references_does_not_matter(
    values: list[float], value: float, shuffle: random.Random
) -> None:
    mixed = list(values)
    shuffle.shuffle(mixed)
    one = judge(Question(LOSS, Reading(value), readings(values)))
    two = judge(Question(LOSS, Reading(value), readings(mixed)))
    assert (one.status, one.reference) == (two.status, two.reference)
    assert one.bound == pytest.approx(two.bound)
    assert one.p_value == pytest.approx(two.p_value)


@given(POSITIVE, st.floats(0.2, 4.0), st.sampled_from([1e-3, 1e3, 1e6, 60.0, 2.0**20]))
def test_the_unit_of_a_quantity_does_not_matter(
    values: list[float], value: float, unit: float
) -> None:
    one = judge(Question(LOSS, Reading(value), readings(values)))
    two = judge(Question(LOSS, Reading(value * unit), readings([v * unit for v in values])))
    assert one.p_value is not None
    assert one.p_value == pytest.approx(two.p_value, rel=1e-4, abs=1e-9)
    if min(abs(one.p_value - 0.01), abs(1 - one.p_value - 0.01)) > 1e-5:
        assert one.status == two.status
    assert two.bound == pytest.approx((one.bound or 0.0) * unit)
    assert two.effect == pytest.approx(one.effect)


SHARES = st.floats(0.0, 1.0)


@given(
    st.lists(SHARES, min_size=LEAST_REFERENCES, max_size=10),
    SHARES,
    SHARES,
    st.sampled_from([ACCURACY, LOSS, THROUGHPUT]),
)
def test_a_worse_run_never_gets_a_better_status(
    values: list[float], one: float, two: float, metric: metrics.Metric
) -> None:
    worse, better = sorted((one, two), reverse=metric.direction == "lower")
    ranks = [
        RANK[judge(Question(metric, Reading(v, trials=360), readings(values, 360))).status]
        for v in (worse, better)
    ]
    assert ranks[0] <= ranks[1]


ANY_NUMBER = st.one_of(
    st.floats(), st.sampled_from([0.0, -0.0, 1.0, 0.5, 5e-324, 1e308, -1e308]), SHARES
)
ANY_READING = st.builds(
    Reading,
    ANY_NUMBER,
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 3), st.integers(0, 10**18)),
)


@given(
    st.sampled_from([metrics.metric(name) for name in metrics.names()]),
    ANY_READING,
    st.one_of(st.lists(ANY_READING, max_size=12), st.builds(lambda r: [r] * 8, ANY_READING)),
    st.integers(0, 10**9),
    st.one_of(st.none(), st.integers(-3, 20), st.sampled_from([10**12, -(10**12)])),
)
@settings(max_examples=400)
def test_no_numbers_whatever_raise(
    metric: metrics.Metric,
    reading: Reading,
    references: list[Reading],
    gates: int,
    digits: int | None,
) -> None:
    verdict = judge(Question(metric, reading, references, gates, exact_digits=digits))
    assert verdict.status in STATUSES
    assert verdict.metric == metric.name
    if verdict.p_value is not None:
        assert 0 <= verdict.p_value <= 1


# ------------------------------------------------------------------------------------------ edges
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_reading_that_is_no_number_has_failed(value: float) -> None:
    verdict = judge(asked(value))
    assert verdict.status == "failed"
    assert verdict.message == f"throughput is {value}, not a number"


@pytest.mark.parametrize("references", [[], [math.nan], [math.inf, -math.inf]])
def test_without_a_usable_reference_it_is_new(references: list[float]) -> None:
    assert judge(asked(1.0, references=readings(references))).status == "new"


def test_a_reference_that_is_no_number_does_not_count() -> None:
    verdict = judge(asked(100.0, references=readings([*REFERENCES, math.nan])))
    assert verdict == judge(asked(100.0))


@pytest.mark.parametrize("count", [1, 2, LEAST_REFERENCES - 1])
def test_with_few_references_it_is_learning_and_says_how_many_are_needed(count: int) -> None:
    verdict = judge(asked(1.0, references=readings(REFERENCES[:count])))
    assert verdict.status == "learning"
    assert verdict.message == f"{count} reference runs; 5 are needed to judge"
    assert verdict.reference_runs == count
    assert judge(asked(1.0, references=readings(REFERENCES[:5]))).status == "regressed"


@pytest.mark.parametrize(
    ("value", "status"), [(100.0, "passed"), (50.0, "regressed"), (200.0, "improved")]
)
def test_a_throughput_far_off_is_told_by_its_direction(value: float, status: str) -> None:
    verdict = judge(asked(value))
    assert verdict.status == status
    assert verdict.effect == pytest.approx(value / 100 - 1)
    assert (verdict.reference, verdict.reference_runs) == (100.0, 7)
    assert verdict.alpha == ALPHA_NIGHT


@pytest.mark.parametrize(("value", "status"), [(200.0, "regressed"), (50.0, "improved")])
def test_a_loss_is_better_when_it_is_lower(value: float, status: str) -> None:
    assert judge(asked(value, metric=LOSS)).status == status


def test_the_effect_on_an_accuracy_is_a_difference() -> None:
    references = readings([0.90, 0.91, 0.89, 0.90, 0.92], 360)
    verdict = judge(Question(ACCURACY, Reading(0.5, trials=360), references))
    assert verdict.status == "regressed"
    assert verdict.effect == pytest.approx(-0.4)


def test_equal_references_still_leave_room_for_the_resolution_of_an_accuracy() -> None:
    def status(right: int) -> str:
        references = readings([350 / 360] * 10, 360)
        return judge(Question(ACCURACY, Reading(right / 360, trials=360), references)).status

    assert status(350) == "passed"
    assert status(349) == "passed"
    assert status(340) == "regressed"


def test_equal_references_do_not_divide_by_zero() -> None:
    same = readings([2.0] * 6)
    assert judge(asked(2.0, references=same)).status == "passed"
    assert judge(asked(1.9, references=same)).status == "regressed"
    assert judge(asked(2.1, references=same)).status == "improved"


def test_huge_counts_are_resolved_finely() -> None:
    count = 10**18
    references = readings([0.5, 0.5 + 1e-9, 0.5 - 1e-9, 0.5, 0.5], count)
    assert judge(Question(ACCURACY, Reading(0.5, trials=count), references)).status == "passed"
    assert judge(Question(ACCURACY, Reading(0.4, trials=count), references)).status == "regressed"


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_and_all_wrong_can_be_judged(value: float) -> None:
    references = readings([value] * 6, 360)
    assert judge(Question(ACCURACY, Reading(value, trials=360), references)).status == "passed"


@pytest.mark.parametrize("factor", [1 + 9e-7, 1 - 9e-7])
def test_equal_references_leave_room_for_the_resolution_of_float32(factor: float) -> None:
    for metric in (LOSS, THROUGHPUT):
        assert (
            judge(Question(metric, Reading(2.0 * factor), readings([2.0] * 6))).status == "passed"
        )
        far = Reading(2.0 * (1 + 20 * (factor - 1)))
        assert judge(Question(metric, far, readings([2.0] * 6))).status != "passed"


# ---------------------------------------------------------------------------------- below zero
@pytest.mark.parametrize(
    ("value", "references", "said"),
    [
        (-0.5, [0.5] * 6, "it is -0.5: loss is compared by ratio, from 0 up"),
        (-0.1, [-0.5] * 6, "a reference run's is -0.5: loss is compared by ratio, from 0 up"),
        (0.5, [-1e-13, *[0.5] * 5], "a reference run's is -1e-13: loss is compared by ratio"),
        (-0.5, [0.5], "it is -0.5: loss is compared by ratio, from 0 up"),
    ],
)
def test_what_is_below_zero_has_no_ratio_and_is_inconclusive(
    value: float, references: list[float], said: str
) -> None:
    verdict = judge(Question(LOSS, Reading(value), readings(references)))
    assert verdict.status == "inconclusive"
    assert verdict.message.startswith(said)
    assert verdict.bound is None
    assert (verdict.value, verdict.reference_runs) == (value, len(references))


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-12])
def test_zero_is_judged_as_the_resolution(value: float) -> None:
    for references in ([0.0] * 6, [1e-12] * 6, [5e-13] * 6):
        question = Question(LOSS, Reading(value), readings(references))
        assert judge(question).status == "passed"
        assert judge(replace(question, reading=Reading(0.1))).status == "regressed"


def test_exact_digits_compare_what_is_below_zero_too() -> None:
    assert exactly(-0.5, -0.5, 4).status == "passed"
    worse = exactly(-0.4, -0.5, 4)
    assert worse.status == "regressed"
    assert worse.effect == pytest.approx(0.2)


# ------------------------------------------------------------------------------------- censored
SECONDS = [9.0, 9.2, 8.9, 9.1, 9.3, 9.0]


def until(value: float, references: list[float], **changes: object) -> Verdict:
    """Return the verdict on a run that did not reach its target before a time."""
    question = Question(TIME, Reading(value, censored=True), readings(references))
    return judge(replace(question, **changes))  # type: ignore[arg-type]  # a wrong name fails here


@pytest.mark.parametrize(
    ("value", "status"),
    [(5.0, "inconclusive"), (9.1, "inconclusive"), (12.0, "regressed")],
)
def test_a_target_that_was_not_reached_never_passes_and_may_regress(
    value: float, status: str
) -> None:
    measured = judge(Question(TIME, Reading(value), readings(SECONDS)))
    assert measured.status in {"improved", "passed", "regressed"}
    verdict = until(value, SECONDS)
    assert verdict.status == status
    assert verdict.message == f"target not reached within {value:.5g} s"
    assert verdict.bound == measured.bound


def test_a_lower_bound_tells_nothing_of_a_metric_that_is_better_when_higher() -> None:
    for value in (50.0, 100.0, 200.0):
        assert until(value, REFERENCES, metric=THROUGHPUT).status == "inconclusive"


@pytest.mark.parametrize("reading", [Reading(9.0), Reading(50.0), Reading(5.0, censored=True)])
@pytest.mark.parametrize("count", [1, 6])
def test_references_that_never_reached_the_target_are_counted_and_nothing_is_judged(
    reading: Reading, count: int
) -> None:
    references = [Reading(5.0, censored=True), *readings(SECONDS[:count])]
    verdict = judge(Question(TIME, reading, references))
    assert verdict.status == "inconclusive"
    assert verdict.message == (
        f"1 of {count + 1} reference runs never reached the target: "
        "set one that every run reaches, or train longer"
    )


def test_a_target_that_was_not_reached_is_new_and_learning_like_any_other() -> None:
    assert until(5.0, []).status == "new"
    assert until(5.0, SECONDS[:2]).status == "learning"
    assert until(5.0, SECONDS, exact_digits=4).status == "inconclusive"
    assert until(9.0, [9.0], exact_digits=4).status == "inconclusive"


# --------------------------------------------------------------------------------------- effect
@pytest.mark.parametrize(
    ("metric", "value", "reference", "effect"),
    [
        (LOSS, 0.6, 0.5, 0.2),
        (THROUGHPUT, 50.0, 100.0, -0.5),
        (ACCURACY, 0.7, 0.9, -0.2),
        (ACCURACY, 0.0, 0.0, 0.0),
        (LOSS, 1.0, 0.0, None),
        (LOSS, 1e308, 5e-324, None),
    ],
)
def test_the_effect_is_a_difference_of_fractions_and_else_relative(
    metric: metrics.Metric, value: float, reference: float, effect: float | None
) -> None:
    verdict = judge(Question(metric, Reading(value), readings([reference] * 5)))
    assert verdict.effect == (None if effect is None else pytest.approx(effect))


# ----------------------------------------------------------------------------------- exact digits
def exactly(value: float, reference: float, digits: int) -> Verdict:
    question = Question(LOSS, Reading(value), [Reading(reference)], exact_digits=digits)
    return judge(question)


@pytest.mark.parametrize(
    ("value", "reference", "digits", "status"),
    [
        (0.12346, 0.12344, 4, "regressed"),
        (0.12344, 0.12341, 4, "passed"),
        (5.7e-11, 5.74e-11, 2, "passed"),
        (5.7e-11, 5.76e-11, 2, "regressed"),
        (712.098, 712.0980001, 6, "passed"),
        (0.0, 0.0, 4, "passed"),
        (0.5, 0.0, 4, "regressed"),
        (0.4, 0.5, 4, "regressed"),
    ],
)
def test_a_deterministic_workload_is_compared_to_its_digits(
    value: float, reference: float, digits: int, status: str
) -> None:
    verdict = exactly(value, reference, digits)
    assert verdict.status == status
    assert verdict.bound == verdict.reference == reference
    said = f"deterministic: must be equal to {digits} digits"
    assert verdict.message == ("" if status == "passed" else said)


@pytest.mark.parametrize("digits", [0, -1])
def test_no_digits_at_all_compare_nothing(digits: int) -> None:
    verdict = exactly(0.5, 0.5, digits)
    assert verdict.status == "inconclusive"
    assert verdict.message == f"EXACT_DIGITS is {digits}: at least 1 digit is compared"


def test_one_reference_is_enough_for_a_deterministic_workload_and_the_last_one_counts() -> None:
    question = Question(LOSS, Reading(2.0), readings([1.0, 2.0]), exact_digits=4)
    assert judge(question).status == "passed"


@given(st.floats(1e-300, 1e300), st.integers(1, 15))
def test_rounding_keeps_so_many_digits(value: float, digits: int) -> None:
    assert rounded(value, digits) == pytest.approx(value, rel=0.5 * 10 ** (1 - digits) * 1.0001)
    assert rounded(rounded(value, digits), digits) == rounded(value, digits)
