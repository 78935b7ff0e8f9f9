"""Deterministic workloads: equal to so many digits, or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench import metrics
from accelbench.records import Reading, Verdict
from accelbench.verdict import JudgeOptions, Point, judge
from accelbench.verdict.exact import rounded

LOSS = metrics.metric("loss")
TIME = metrics.metric("time_to_accuracy")


def exactly(value: float, references: list[float], digits: int) -> Verdict:
    reference = [Point(Reading(v), f"s{i}", f"{i}") for i, v in enumerate(references)]
    return judge(LOSS, reference, [], [Point(Reading(value))], JudgeOptions(exact_digits=digits))


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
    verdict = exactly(value, [reference], digits)
    assert verdict.status == status
    assert verdict.bound == verdict.reference == reference
    assert verdict.judge == "exact"
    said = f"deterministic: must be equal to {digits} digits"
    assert verdict.message == ("" if status == "passed" else said)


@pytest.mark.parametrize("digits", [0, -1])
def test_no_digits_at_all_compare_nothing(digits: int) -> None:
    verdict = exactly(0.5, [0.5], digits)
    assert verdict.status == "inconclusive"
    assert verdict.message == f"EXACT_DIGITS is {digits}: at least 1 digit is compared"


def test_one_reference_is_enough_and_the_latest_counts() -> None:
    assert exactly(2.0, [1.0, 2.0], 4).status == "passed"
    assert exactly(1.0, [1.0, 2.0], 4).status == "regressed"


@pytest.mark.parametrize("role", ["fresh", "new"])
def test_a_later_run_that_differs_regresses_too_and_is_the_one_shown(role: str) -> None:
    runs = [Point(Reading(2.0)), Point(Reading(2.0), role=role), Point(Reading(2.1), role=role)]
    stored = [Point(Reading(2.0))]
    verdict = judge(LOSS, stored, [], runs, JudgeOptions(exact_digits=4))
    assert (verdict.status, verdict.value) == ("regressed", 2.1)
    assert judge(LOSS, stored, [], runs[:2], JudgeOptions(exact_digits=4)).status == "passed"


def test_the_latest_is_told_by_its_time_not_by_its_place() -> None:
    points = [Point(Reading(2.0), "b", "2"), Point(Reading(1.0), "a", "1")]
    for reference in (points, points[::-1]):
        verdict = judge(LOSS, reference, [], [Point(Reading(2.0))], JudgeOptions(exact_digits=4))
        assert verdict.status == "passed"


def test_what_is_below_zero_is_compared_too() -> None:
    assert exactly(-0.5, [-0.5], 4).status == "passed"
    worse = exactly(-0.4, [-0.5], 4)
    assert worse.status == "regressed"
    assert worse.effect == pytest.approx(0.2)


@pytest.mark.parametrize("references", [[9.0], [9.0] * 6])
def test_a_target_that_was_not_reached_equals_nothing(references: list[float]) -> None:
    reference = [Point(Reading(v)) for v in references]
    runs = [Point(Reading(9.0, censored=True))]
    verdict = judge(TIME, reference, [], runs, JudgeOptions(exact_digits=4))
    assert verdict.status == "inconclusive"
    assert verdict.message == "target not reached within 9 s"


@pytest.mark.parametrize(
    ("value", "reference", "effect"), [(0.6, 0.5, 0.2), (1.0, 0.0, None), (1e308, 5e-324, None)]
)
def test_the_effect_is_relative_and_nothing_relative_to_zero(
    value: float, reference: float, effect: float | None
) -> None:
    found = exactly(value, [reference], 3).effect
    assert found == (None if effect is None else pytest.approx(effect))


@given(st.floats(1e-300, 1e300), st.integers(1, 15))
def test_rounding_keeps_so_many_digits(value: float, digits: int) -> None:
    assert rounded(value, digits) == pytest.approx(value, rel=0.5 * 10 ** (1 - digits) * 1.0001)
    assert rounded(rounded(value, digits), digits) == rounded(value, digits)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(17, 10**12))
def test_seventeen_digits_and_more_tell_all_numbers_apart(value: float, digits: int) -> None:
    assert rounded(value, digits) == value
