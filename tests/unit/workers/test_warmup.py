"""Where the warm-up ends: MSER-5, against the rule written out word by word."""

from __future__ import annotations

import random

import numpy as np
import pytest

from accelbench.workers.warmup import BATCH, LEAST_STEADY_STEPS, mser5


def by_definition(steps: list[float]) -> int:
    """Return the cut in steps: the d <= n/2 with the least variance of the mean of batches d.."""
    batches = [
        sum(steps[i : i + BATCH]) / BATCH for i in range(0, len(steps) // BATCH * BATCH, BATCH)
    ]
    errors = []
    for cut in range(len(batches) // 2 + 1):
        left = batches[cut:]
        mean = sum(left) / len(left)
        errors.append(sum((each - mean) ** 2 for each in left) / len(left) ** 2)
    return errors.index(min(errors)) * BATCH


@pytest.mark.parametrize("seed", range(40))
def test_random_series_agree_with_the_definition(seed: int) -> None:
    draw = random.Random(seed)
    count = draw.randrange(5, 400)
    warm = draw.randrange(0, count)
    steps = [draw.gauss(3.0 if i < warm else 1.0, 0.1) for i in range(count)]
    assert mser5(steps).steps == by_definition(steps)


@pytest.mark.parametrize("warm", [5, 10, 25, 100])
def test_a_warm_up_of_known_length_is_cut_off_exactly(warm: int) -> None:
    draw = random.Random(warm)
    steps = [draw.gauss(9.0 if i < warm else 1.0, 0.01) for i in range(400)]
    cut = mser5(steps)
    assert warm <= cut.steps <= warm + 6 * BATCH
    assert cut.steady


def test_a_decaying_warm_up_is_cut_and_the_median_is_the_steady_one() -> None:
    draw = random.Random(1)
    steps = [0.01 * (1 + 5 * 0.9**i) + draw.gauss(0, 1e-5) for i in range(600)]
    cut = mser5(steps)
    assert 30 <= cut.steps <= 150
    assert cut.steady
    assert float(np.median(steps[cut.steps :])) == pytest.approx(0.01, rel=1e-2)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e-9, 1e9])
def test_equal_steps_have_no_warm_up(value: float) -> None:
    cut = mser5([value] * 200)
    assert (cut.steps, cut.steady) == (0, True)


@pytest.mark.parametrize("count", [0, 1, BATCH - 1])
def test_less_than_a_batch_states_nothing(count: int) -> None:
    cut = mser5([1.0] * count)
    assert (cut.steps, cut.steady) == (0, False)


def test_too_few_steps_state_no_steady_state_however_even() -> None:
    assert not mser5([1.0] * (LEAST_STEADY_STEPS - 1)).steady
    assert mser5([1.0] * LEAST_STEADY_STEPS).steady


def test_too_few_steps_after_the_cut_state_no_steady_state() -> None:
    steps = [9.0] * 20 + [1.0] * (LEAST_STEADY_STEPS - 1)
    cut = mser5(steps)
    assert cut.steps == 20
    assert not cut.steady


def test_a_series_that_never_settles_is_not_steady() -> None:
    cut = mser5([1.0 + i for i in range(400)])
    assert cut.steps == 200
    assert not cut.steady


def test_a_level_that_changes_late_is_not_steady() -> None:
    assert not mser5([1.0] * 195 + [5.0] * 205).steady


def test_the_rule_keeps_its_precision_on_a_large_offset() -> None:
    draw = random.Random(3)
    steps = [draw.gauss(1.5 if i < 50 else 1.0, 0.01) for i in range(400)]
    assert mser5([1e6 + each for each in steps]).steps == mser5(steps).steps
