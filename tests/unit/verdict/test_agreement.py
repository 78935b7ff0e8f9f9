"""Equivalence by two one-sided tests, and early losses within a band that grows as they do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_1samp

from accelbench.verdict import agreement
from accelbench.verdict.agreement import (
    DIFFERENT,
    EQUIVALENT,
    LIMIT,
    UNDECIDED,
    course,
    equivalence,
)

MARGIN = 0.04
DIFFERENCES = st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=10)


# --------------------------------------------------------------------------------- equivalence
@given(DIFFERENCES)
def test_equivalent_is_what_both_one_sided_tests_of_scipy_say(values: list[float]) -> None:
    assume(np.std(values) > 1e-9)
    above = float(ttest_1samp(values, -MARGIN, alternative="greater").pvalue)
    below = float(ttest_1samp(values, MARGIN, alternative="less").pvalue)
    assume(abs(max(above, below) - 0.05) > 1e-9)
    assert (equivalence(values, MARGIN).status == EQUIVALENT) == (max(above, below) < 0.05)


@given(DIFFERENCES)
def test_different_is_a_mean_surely_beyond_the_margin(values: list[float]) -> None:
    assume(np.std(values) > 1e-9)
    beyond = min(
        float(ttest_1samp(values, MARGIN, alternative="greater").pvalue),
        float(ttest_1samp(values, -MARGIN, alternative="less").pvalue),
    )
    assume(abs(beyond - 0.05) > 1e-9)
    assert (equivalence(values, MARGIN).status == DIFFERENT) == (beyond < 0.05)


def test_three_pairs_by_hand() -> None:
    # Mean 0.01, standard deviation 0.01, t(0.95, 2) = 2.919986: 0.01 +- 0.016858.
    found = equivalence([0.0, 0.01, 0.02], 0.03)
    assert found.interval == pytest.approx((-0.0068585, 0.0268585), abs=1e-6)
    assert (found.status, found.pairs, found.more) == (EQUIVALENT, 3, None)
    assert equivalence([0.0, 0.01, 0.02], 0.026).status == UNDECIDED


@given(DIFFERENCES, st.floats(0.001, 0.3))
def test_the_sign_of_the_differences_does_not_matter(values: list[float], margin: float) -> None:
    one, other = equivalence(values, margin), equivalence([-v for v in values], margin)
    assert (one.status, one.more) == (other.status, other.more)
    assert one.interval == pytest.approx(tuple(-end for end in reversed(other.interval)))


@given(DIFFERENCES, st.floats(0.001, 0.1), st.floats(0.001, 0.1))
def test_a_wider_margin_keeps_what_is_equivalent(
    values: list[float], one: float, other: float
) -> None:
    narrow, wide = (equivalence(values, margin).status for margin in sorted((one, other)))
    assert narrow != EQUIVALENT or wide == EQUIVALENT
    assert wide != DIFFERENT or narrow == DIFFERENT


@given(DIFFERENCES)
def test_so_many_more_pairs_that_scatter_alike_decide_and_fewer_do_not(
    values: list[float],
) -> None:
    found = equivalence(values, MARGIN)
    assume(found.status == UNDECIDED and found.more is not None)
    assert found.more is not None
    spread, room = float(np.std(values, ddof=1)), abs(MARGIN - abs(found.difference))
    reaches = [
        student.ppf(0.95, n - 1) * spread / math.sqrt(n)
        for n in (found.pairs + found.more, found.pairs + found.more - 1)
    ]
    assert reaches[0] < room
    assert found.more == 1 or reaches[1] >= room


def test_a_difference_of_exactly_the_margin_is_decided_by_no_number_of_pairs() -> None:
    found = equivalence([MARGIN - 0.01, MARGIN, MARGIN + 0.01], MARGIN)
    assert (found.status, found.more) == (UNDECIDED, None)


@pytest.mark.parametrize("values", [[], [0.0]])
def test_below_two_pairs_nothing_is_decided(values: list[float]) -> None:
    found = equivalence(values, MARGIN)
    assert (found.status, found.more) == (UNDECIDED, 2 - len(values))


def test_equal_accuracies_are_equivalent_by_more_than_their_rounding() -> None:
    assert equivalence([0.0] * 3, 0.01, resolution=1 / 360).status == EQUIVALENT
    assert equivalence([0.0] * 3, 0.001, resolution=1 / 360).status == UNDECIDED


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan])
def test_a_margin_must_be_positive(margin: float) -> None:
    with pytest.raises(ValueError, match="margin must be a number above 0"):
        equivalence([0.1, 0.2], margin)


def test_values_must_be_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        equivalence([0.1, math.nan], MARGIN)


@pytest.mark.parametrize("pairs", [3, 6])
@pytest.mark.parametrize("noise", ["normal", "counts"])
@pytest.mark.parametrize("sigma", [0.005, 0.02])
def test_devices_that_differ_by_the_margin_are_called_equivalent_5_percent_of_the_time_at_most(
    pairs: int, noise: str, sigma: float
) -> None:
    draw = np.random.default_rng(7)
    if noise == "normal":
        studies = MARGIN + sigma * draw.standard_normal((4000, pairs))
    else:  # accuracies of 360 images, on both sides
        rates = np.clip(0.85 + sigma * draw.standard_normal((4000, pairs)), 0, 1)
        ours = draw.binomial(360, rates + MARGIN) / 360
        studies = ours - draw.binomial(360, rates) / 360
    found = [equivalence(study, MARGIN, resolution=1 / 360).status for study in studies]
    false = found.count(EQUIVALENT) / len(found)
    assert false <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / len(found))


def test_looks_that_share_the_level_keep_it_together() -> None:
    draw = np.random.default_rng(8)
    false = 0
    for study in MARGIN + 0.015 * draw.standard_normal((4000, 6)):
        looks = [equivalence(study[:n], MARGIN, level=0.025).status for n in (3, 6)]
        false += EQUIVALENT in looks
    assert false / 4000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)


# -------------------------------------------------------------------------------------- losses
def falling(rate: float, steps: int = 32, noise: float = 0.0, seed: int = 0) -> list[float]:
    """Return the losses of gradient descent on a bowl, each weight off by its rounding."""
    draw = np.random.default_rng(seed)
    curvature, weights = np.array([0.3, 1.0, 2.0]), np.array([1.0, -2.0, 1.5]) * (1 + 0.1 * seed)
    losses = []
    for _ in range(steps):
        losses.append(1.0 + float(0.5 * curvature @ weights**2))
        weights = weights * (1 - rate * curvature)
        weights = weights * (1 + noise * draw.standard_normal(3))
    return losses


def study(rate: float = 0.1, noise: float = 0.0, steps: int = 32) -> agreement.Course:
    return course(
        [falling(rate, steps, noise, seed) for seed in range(3)],
        [falling(0.1, seed=seed) for seed in range(3)],
        [falling(0.1 * (1 + agreement.YARDSTICK), seed=seed) for seed in range(3)],
    )


def test_equal_losses_are_within() -> None:
    assert study() == agreement.Course(within=True, ratio=0.0, step=1)


@pytest.mark.parametrize("noise", [1e-7, 1e-5])
def test_rounding_is_within(noise: float) -> None:
    found = study(noise=noise)
    assert found.within
    assert 0 < found.ratio < 0.1


@pytest.mark.parametrize("factor", [1.05, 0.95, 1.5])
def test_a_learning_rate_5_percent_off_is_outside(factor: float) -> None:
    found = study(rate=0.1 * factor)
    assert found.within is False
    assert found.ratio >= 0.9


def test_an_error_of_the_yardsticks_own_size_measures_one() -> None:
    assert study(rate=0.1 * 1.05).ratio == pytest.approx(1.0)


def test_the_band_grows_with_the_effect_and_never_shrinks() -> None:
    # What the yardstick does passes through zero at the third step; the band does not.
    reference, yardstick = [[1.0, 1.0, 1.0]], [[1.0, 1.1, 1.0]]
    assert course([[1.0, 1.0, 1.04]], reference, yardstick).within
    found = course([[1.0, 1.0, 1.06]], reference, yardstick)
    assert (found.within, found.step) == (False, 3)
    assert found.ratio == pytest.approx(0.6)


def test_at_the_first_step_only_rounding_is_allowed() -> None:
    reference, yardstick = [[2.0, 1.0]], [[2.0, 1.5]]
    assert course([[2.0 * (1 + 5e-6), 1.0]], reference, yardstick).within
    found = course([[2.0 * (1 + 1e-4), 1.0]], reference, yardstick)
    assert (found.within, found.step) == (False, 1)


def test_a_yardstick_that_changes_nothing_decides_nothing_unless_the_losses_differ() -> None:
    flat = [[1.0, 1.0, 1.0]]
    assert course(flat, flat, flat).within is None
    assert course([[1.0, 1.0, 1.1]], flat, flat).within is False


@pytest.mark.parametrize(("loss", "step"), [(math.nan, 3), (math.inf, 3)])
def test_losses_that_are_not_finite_are_outside_from_there_on(loss: float, step: int) -> None:
    reference, yardstick = [[1.0, 0.9, 0.8, 0.7]], [[1.0, 0.8, 0.6, 0.4]]
    found = course([[1.0, 0.9, loss, 0.7]], reference, yardstick)
    assert (found.within, found.step, found.ratio) == (False, step, math.inf)


def test_a_trajectory_that_ends_early_is_outside_where_it_ends() -> None:
    found = study(steps=10)
    assert (found.within, found.step) == (False, 11)


def test_steps_beyond_the_stored_ones_do_not_count() -> None:
    reference, yardstick = falling(0.1, 40), falling(0.105, 40)
    later = [*reference[:32], *(loss + 1 for loss in reference[32:])]
    assert course([later], [reference], [yardstick]).within


@pytest.mark.parametrize("sides", [([], [], []), ([[1.0]], [[1.0], [1.0]], [[1.0]])])
def test_trajectories_must_be_of_the_same_seeds(sides: tuple[list[list[float]], ...]) -> None:
    with pytest.raises(ValueError, match="same seeds"):
        course(*sides)


@given(st.floats(0.0, 0.4), st.integers(2, 32))
def test_a_part_of_the_yardsticks_effect_is_measured_as_that_part(part: float, steps: int) -> None:
    reference = np.array(falling(0.1, steps))
    moved = np.array(falling(0.105, steps))
    ours = reference + part * (moved - reference)
    found = course([list(ours)], [list(reference)], [list(moved)])
    assert found.ratio <= part + 1e-6
    assert found.within == (part < LIMIT)


def test_two_equal_pairs_have_the_closed_form_of_one_degree_of_freedom() -> None:
    # t(0.95, 1) = tan(0.45 pi); the spread is the rounding's alone.
    found = equivalence([0.01, 0.01], MARGIN, resolution=0.001)
    reach = math.tan(0.45 * math.pi) * 0.001 / math.sqrt(6) / math.sqrt(2)
    assert found.interval == pytest.approx((0.01 - reach, 0.01 + reach))
    assert (found.status, found.difference) == (EQUIVALENT, 0.01)
