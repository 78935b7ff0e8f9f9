"""Where nothing can be paired: tonight against the stored nights, and a second unit's word."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from accelbench import metrics
from accelbench.records import More, Reading, Verdict
from accelbench.verdict import JudgeOptions, Point, judge
from accelbench.verdict.confirm import decision, unpaired
from accelbench.verdict.confirm.decision import SPENT
from accelbench.verdict.confirm.unpaired import (
    FUTILE,
    LEAST_NIGHTS,
    LEAST_UNITS,
    LOOKS,
    Nights,
    decide,
)
from accelbench.verdict.evidence import FRESH, SECOND_UNIT, UNPAIRED
from accelbench.verdict.sample import Sample

ALPHA = JudgeOptions().alpha
CLEARS, REJECTS = LOOKS
COUNT = 2 * LEAST_NIGHTS


def sample(
    values: object, units: tuple[str, ...] = (), controls: object = None, *, one_night: bool = False
) -> Sample:
    array = np.asarray(values, dtype=float)
    nights = tuple("tonight" if one_night else f"n{i:03}" for i in range(len(array)))
    known = np.full(len(array), math.nan) if controls is None else np.asarray(controls)
    return Sample(array, known, nights, units or ("u1",) * len(array))


STORED = np.linspace(-1, 1, COUNT)


def asked(fresh: object, **changes: object) -> Nights:
    tonight = fresh if isinstance(fresh, Sample) else sample(fresh, one_night=True)
    nights = Nights(sample(STORED), "u1", tonight, sample([]), 1, resolution=1e-9)
    return replace(nights, **changes)  # type: ignore[arg-type]  # a wrong name fails here


@pytest.mark.parametrize("scatter", [0.2, 1.5])
def test_it_is_the_t_test_of_tonights_median_with_the_nights_own_share(scatter: float) -> None:
    fresh = 2.5 + scatter * np.array([0.0, -1.0, 1.0, -0.6, 0.6, -0.2, 0.2, 13.0])
    tonight = float(np.var(fresh[:-1], ddof=1))  # the last one is an outlier
    found = decide(asked(fresh), ALPHA)
    spread = float(np.std(STORED, ddof=1))
    beyond = max(0.0, tonight - spread**2)
    assert (beyond > 0) == (scatter > 1)
    variance = spread**2 * (1 + 1 / COUNT) + beyond * (math.pi / 2) / REJECTS
    shift = float(np.median(fresh) - STORED.mean())
    error = math.sqrt(variance)
    assert found.shift == pytest.approx(shift)
    assert found.p_value == pytest.approx(t.sf(shift / error, COUNT - 1))
    reach = t.ppf(0.975, COUNT - 1) * error
    assert found.interval == pytest.approx((shift - reach, shift + reach))
    assert (found.judge, found.runs) == (UNPAIRED, REJECTS)


@pytest.mark.parametrize("made", range(REJECTS))
def test_four_runs_then_four_more_are_asked_for(made: int) -> None:
    found = decide(asked([9.0] * made), ALPHA)
    assert found.answer == decision.WAITING
    assert found.more == More("fresh", (CLEARS if made < CLEARS else REJECTS) - made)


def test_four_runs_clear_what_is_usual_and_reject_nothing() -> None:
    assert decide(asked([0.0] * CLEARS), ALPHA).answer == decision.CLEARED
    assert decide(asked([1e6] * CLEARS), ALPHA).answer == decision.WAITING
    assert decide(asked([1e6] * REJECTS), ALPHA).answer == decision.REJECTED


def test_the_limit_is_exact_p_at_the_limit_rejects_and_a_hair_above_it_does_not() -> None:
    fresh = [3.0] * REJECTS
    p = decide(asked(fresh), 1.0).p_value
    assert p is not None
    assert decide(asked(fresh), p).answer == decision.REJECTED
    assert decide(asked(fresh), p * (1 - 1e-12)).answer == decision.SPENT


def test_three_wild_runs_of_eight_do_not_move_the_median_beyond_the_others() -> None:
    fresh = [0.1, -0.1, 0.2, 0.0, 0.1, 99.0, 99.0, 99.0]
    found = decide(asked(fresh), ALPHA)
    assert found.answer == decision.CLEARED
    late = decide(asked([99.0, 99.0, 99.0, 0.1, 0.2, 0.0, 0.1, -0.1]), ALPHA)
    assert late.answer == decision.SPENT


def test_too_few_nights_are_named() -> None:
    few = asked([9.0] * REJECTS, stored=sample(STORED[: LEAST_NIGHTS - 1]))
    found = decide(few, ALPHA)
    assert found.answer == decision.SPENT
    assert found.cause == (
        f"{LEAST_NIGHTS - 1} comparable nights are stored, {LEAST_NIGHTS} are needed"
    )


def test_many_runs_of_one_night_are_one_night() -> None:
    one = Sample(STORED, np.full(COUNT, math.nan), ("n",) * COUNT, ("u1",) * COUNT)
    assert decide(asked([9.0] * REJECTS, stored=one), ALPHA).cause.startswith("1 comparable")


# -------------------------------------------------------------------------------------- control
def test_what_the_control_shares_is_no_regression() -> None:
    drift = np.random.default_rng(1).normal(0, 0.3, COUNT)
    noise = np.random.default_rng(2).normal(0, 0.02, COUNT)
    stored = sample(drift + noise, controls=drift)
    fresh = np.full(REJECTS, 1.5) + np.linspace(-0.02, 0.02, REJECTS)
    slow_night = sample(fresh, controls=np.full(REJECTS, 1.5), one_night=True)
    slow_alone = sample(fresh, controls=np.full(REJECTS, drift.mean()), one_night=True)
    assert decide(asked(slow_night, stored=stored), ALPHA).answer == decision.CLEARED
    found = decide(asked(slow_alone, stored=stored), ALPHA)
    assert found.answer == decision.REJECTED
    assert found.shift == pytest.approx(1.5 - drift.mean(), abs=0.1)


def test_a_fresh_run_without_its_control_leaves_all_unadjusted() -> None:
    stored = sample(STORED, controls=STORED)
    controls = np.zeros(REJECTS)
    controls[-1] = math.nan
    fresh = sample([3.0] * REJECTS, controls=controls, one_night=True)
    found = decide(asked(fresh, stored=stored), ALPHA)
    assert found == decide(asked([3.0] * REJECTS), ALPHA)


# --------------------------------------------------------------------------------------- units
def fleet(own: int) -> Sample:
    """Return `own` nights of unit u1, which is slower by 1, and many of u2."""
    values = np.concatenate([STORED[:own] + 1, STORED])
    return sample(values, ("u1",) * own + ("u2",) * COUNT)


def test_a_unit_with_nights_of_its_own_is_compared_with_those_alone() -> None:
    found = decide(asked([1.0] * REJECTS, stored=fleet(LEAST_NIGHTS)), ALPHA)
    assert found.judge == UNPAIRED
    alone = sample(STORED[:LEAST_NIGHTS] + 1)
    assert found == decide(asked([1.0] * REJECTS, stored=alone), ALPHA)


def test_a_unit_with_few_nights_is_compared_with_all_and_says_so() -> None:
    found = decide(asked([1.0] * CLEARS, stored=fleet(LEAST_NIGHTS - 1)), ALPHA)
    assert found.judge == f"{UNPAIRED}, 2 units"


def test_a_unit_that_was_never_stored_says_so_and_is_one_draw_of_the_fleet() -> None:
    units = tuple(f"u{number % LEAST_UNITS}" for number in range(COUNT))
    new = asked([3.0] * REJECTS, stored=sample(STORED, units), unit="u9")
    found = decide(new, ALPHA)
    assert found.judge == f"{UNPAIRED}, unit not in reference"
    known = decide(asked([3.0] * REJECTS), ALPHA)
    assert known.p_value is not None
    assert found.p_value is not None
    assert found.p_value == pytest.approx(known.p_value)  # every night is one draw of the fleet


def test_two_stored_units_do_not_say_how_much_a_third_may_differ() -> None:
    units = tuple(f"u{number % (LEAST_UNITS - 1)}" for number in range(COUNT))
    found = decide(asked([30.0] * REJECTS, stored=sample(STORED, units), unit="u9"), ALPHA)
    assert found.answer == SPENT
    assert found.cause.startswith("unit u9 is not in the reference, and 2 units do not say")


def second(value: float, count: int = CLEARS) -> Sample:
    return sample([value] * count, ("u2",) * count, one_night=True)


def test_with_a_second_unit_at_hand_its_word_is_asked_for() -> None:
    alone = asked([9.0] * REJECTS, units_at_hand=2)
    found = decide(alone, ALPHA)
    assert found.answer == decision.WAITING
    assert found.more == More("second unit", CLEARS)
    part = decide(replace(alone, second=second(9.0, 1)), ALPHA)
    assert part.more == More("second unit", CLEARS - 1)


def test_where_the_second_unit_is_clear_the_unit_is_the_cause() -> None:
    found = decide(asked([9.0] * REJECTS, units_at_hand=2, second=second(0.0)), ALPHA)
    assert found.answer == decision.SPENT
    assert found.cause == "unit u1: unit u2 is clear"


def test_where_the_second_unit_shows_it_too_it_is_a_regression() -> None:
    found = decide(asked([9.0] * REJECTS, units_at_hand=2, second=second(9.0)), ALPHA)
    assert found.answer == decision.REJECTED
    assert found.cause == ""


def test_no_second_unit_is_asked_for_what_one_unit_cleared() -> None:
    for fresh in ([0.0] * CLEARS, np.linspace(1.0, 1.8, REJECTS)):
        assert decide(asked(fresh, units_at_hand=2), ALPHA).more is None


FRESH_VALUES = st.lists(st.floats(-4, 8), min_size=REJECTS, max_size=REJECTS)
PROGRESS = {decision.CLEARED: 0, decision.SPENT: 1, decision.REJECTED: 2}


@given(FRESH_VALUES, st.floats(0, 9))
def test_a_worse_night_never_turns_a_rejection_away(fresh: list[float], by: float) -> None:
    # A single worse run may: it shows that tonight's runs scatter.
    worse = [value + by for value in fresh]
    before, after = decide(asked(fresh), ALPHA), decide(asked(worse), ALPHA)
    assert PROGRESS[after.answer] >= PROGRESS[before.answer]


# --------------------------------------------------------------------------- through the judge
THROUGHPUT = metrics.metric("throughput")
POINTS = [
    Point(Reading(100 * math.exp(x / 100)), f"n{i:03}", f"{i:03}", "u1")
    for i, x in enumerate(STORED)
]


def judged(fresh: float, other: float | None = None) -> Verdict:
    runs = [Point(Reading(90.0), "now", unit="u1")]
    runs += [Point(Reading(fresh), "now", unit="u1", role=FRESH)] * REJECTS
    if other is not None:
        runs += [Point(Reading(other), "now", unit="u2", role=SECOND_UNIT)] * CLEARS
    return judge(THROUGHPUT, POINTS, [], runs, JudgeOptions(rerun=True, units=2))


def test_the_judge_names_the_unit_or_the_regression() -> None:
    assert judged(90.0).more == More("second unit", CLEARS)
    assert judged(90.0, 90.0).status == "regressed"
    unit = judged(90.0, 100.0)
    assert unit.status == "inconclusive"
    assert unit.cause == unit.message == "unit u1: unit u2 is clear"
    assert judged(100.0).status in {"passed", "blind"}


def test_a_look_clears_above_its_futility() -> None:
    for value in np.linspace(-1, 3, 41):
        found = decide(asked([value] * CLEARS), ALPHA)
        assert found.p_value is not None or found.answer == decision.WAITING
        if found.answer == decision.CLEARED:
            assert found.p_value is not None
            assert found.p_value > FUTILE


def test_the_second_unit_is_named_by_the_module() -> None:
    assert unpaired.SECOND == SECOND_UNIT
