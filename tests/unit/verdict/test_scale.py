"""The scales on which noise is even, and the way back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench.records import Reading
from accelbench.verdict.scale import LOG, RESOLUTION_LOG, SMALLEST_LOG, logit, scale_of

TRIALS = st.integers(1, 10**18)


@given(st.floats(1e-6, 1e9))
def test_a_quantity_comes_back_from_the_log_scale(value: float) -> None:
    assert LOG.back(LOG.forward(Reading(value))) == pytest.approx(value)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-300])
def test_what_has_no_logarithm_counts_as_the_resolution(value: float) -> None:
    assert LOG.forward(Reading(value)) == math.log(SMALLEST_LOG)


@given(st.data())
def test_an_accuracy_is_the_logit_of_its_counts(data: st.DataObject) -> None:
    trials = data.draw(st.integers(1, 10**6))
    correct = data.draw(st.integers(0, trials))
    scale = logit(trials)
    point = scale.forward(Reading(correct / trials, trials=trials))
    share = (correct + 0.5) / (trials + 1)
    assert point == pytest.approx(math.log(share / (1 - share)), abs=1e-9)
    assert scale.back(point) == pytest.approx(correct / trials, abs=1e-9)


@given(TRIALS, st.floats(-1e308, 1e308), st.floats(-1e308, 1e308))
def test_both_scales_take_any_number_and_give_one_back(
    trials: int, value: float, point: float
) -> None:
    for scale in (LOG, logit(trials)):
        assert math.isfinite(scale.forward(Reading(value, trials=trials)))
        assert scale.resolution(Reading(value, trials=trials)) > 0
        assert scale.back(point) >= 0
    assert logit(trials).back(point) <= 1


@given(st.integers(2, 10**6))
def test_the_resolution_of_an_accuracy_is_one_answer_more(trials: int) -> None:
    scale = logit(trials)
    few = Reading(1 / trials, trials=trials)
    step = scale.forward(Reading(2 / trials, trials=trials)) - scale.forward(few)
    if trials > 2:
        assert scale.resolution(few) == pytest.approx(step, rel=1e-6)
    assert scale.resolution(Reading(1.0, trials=trials)) > 0


def test_more_trials_weigh_the_same_fraction_alike() -> None:
    small = logit(100).forward(Reading(0.9, trials=100))
    large = logit(10**6).forward(Reading(0.9, trials=10**6))
    assert small == pytest.approx(large, abs=0.06)


def test_a_fraction_without_trials_is_taken_as_of_a_million() -> None:
    assert logit(5).forward(Reading(0.9)) == logit(5).forward(Reading(0.9, trials=10**6))


def test_the_resolution_of_a_quantity_is_coarser_than_sums_of_float32_numbers() -> None:
    rounding = 2.0**-24
    assert LOG.resolution(Reading(2.0)) == RESOLUTION_LOG > 10 * rounding


def test_scales_are_found_by_name() -> None:
    assert scale_of("log", Reading(1.0)) is LOG
    assert scale_of("logit", Reading(1.0, trials=3)).back(40.0) == 1.0
