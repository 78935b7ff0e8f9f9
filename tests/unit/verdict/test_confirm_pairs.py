"""Pairs of new and base: what is asked for, and the limits of each look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench import metrics
from accelbench.records import More, Reading, Verdict
from accelbench.verdict import JudgeOptions, Point, judge, ranks
from accelbench.verdict.confirm import decision
from accelbench.verdict.confirm.pairs import FUTILE, LOOKS, SHARES, decide
from accelbench.verdict.evidence import BASE, NEW, PAIRED_CODE, PAIRED_STACK

ALPHA = JudgeOptions().alpha
JUDGE = PAIRED_CODE
MOST = LOOKS[-1]

BASES = np.arange(MOST, dtype=np.float64) * 0.1
NOTHING_SHOWN = np.array(np.linspace(0.35, 1.25, MOST), dtype=np.float64)
"""Worse than the base, but not beyond doubt at any look."""


def test_the_shares_of_the_rate_are_spent_once() -> None:
    assert len(SHARES) == len(LOOKS) == len(FUTILE)
    assert sum(SHARES) == pytest.approx(1.0)
    assert list(LOOKS) == sorted(LOOKS)


def test_four_pairs_can_clear_and_never_reject() -> None:
    assert SHARES[0] == 0.0
    new, base = np.full(MOST, 1e9), np.zeros(MOST)
    found = decide(new[: LOOKS[0]], base, ALPHA, JUDGE)
    assert found.answer == decision.WAITING
    assert found.more == More("pairs", LOOKS[1] - LOOKS[0])
    assert decide(base[: LOOKS[0]], base, ALPHA, JUDGE).answer == decision.CLEARED
    assert decide(new, base, ALPHA, JUDGE).runs == LOOKS[1]


@pytest.mark.parametrize("made", range(LOOKS[1]))
def test_it_asks_for_what_is_missing_to_the_next_look(made: int) -> None:
    new = BASES + 9
    for ours, theirs in ((new[:made], BASES), (new, BASES[:made])):
        found = decide(ours, theirs, ALPHA, JUDGE)
        assert found.answer == decision.WAITING
        look = next(each for each in LOOKS if each > made)
        assert found.more == More("pairs", look - made)
        assert found.runs == made


@pytest.mark.parametrize(("by", "look"), [(9.0, 1), (0.5, 2)])
def test_the_limits_are_exact_p_at_a_limit_rejects_and_a_hair_above_it_does_not(
    by: float, look: int
) -> None:
    count = LOOKS[look]
    new, base = BASES[:count] + by, BASES[:count]
    if look == 2:
        new = np.append(new[:8] - 0.2, new[8:] + 0.4)  # shown by the last four
    p = ranks.p_greater(new, base)
    at = decide(new, base, p / SHARES[look] * (1 + 1e-12), JUDGE)
    assert (at.answer, at.runs, at.p_value) == (decision.REJECTED, count, p)
    assert at.alpha == pytest.approx(p)
    assert at.judge == JUDGE
    above = decide(new, base, p / SHARES[look] * (1 - 1e-9), JUDGE)
    assert above.answer == (decision.SPENT if look == 2 else decision.WAITING)


def test_eight_pairs_apart_are_shown_at_the_usual_rate() -> None:
    assert ranks.least_p(LOOKS[1], LOOKS[1]) <= SHARES[1] * ALPHA
    found = decide(BASES + 9, BASES, ALPHA, JUDGE)
    assert (found.answer, found.runs) == (decision.REJECTED, LOOKS[1])
    assert found.shift == pytest.approx(9.0)
    assert found.interval is not None
    assert found.interval[0] < 9.0 < found.interval[1]


def test_when_all_pairs_are_made_and_neither_is_shown_they_are_spent() -> None:
    found = decide(NOTHING_SHOWN, BASES, ALPHA, JUDGE)
    assert (found.answer, found.runs) == (decision.SPENT, MOST)


@pytest.mark.parametrize("look", [0, 1])
def test_a_look_clears_just_above_its_futility(look: int) -> None:
    count = LOOKS[look]
    base = BASES[:count]
    for by in np.linspace(-0.5, 1.5, 41):
        found = decide(base + by, base, ALPHA, JUDGE)
        if found.runs != count or found.p_value is None:
            continue
        assert (found.answer == decision.CLEARED) == (found.p_value > FUTILE[look])


VALUES = st.lists(st.floats(-3, 3), min_size=MOST, max_size=MOST)
PROGRESS = {decision.CLEARED: 0, decision.SPENT: 1, decision.REJECTED: 2}


@given(VALUES, VALUES, st.integers(0, MOST - 1), st.floats(0, 5))
def test_a_worse_new_side_never_turns_a_rejection_away(
    new: list[float], base: list[float], which: int, by: float
) -> None:
    worse = [value + by * (i == which) for i, value in enumerate(new)]
    answers = [decide(np.array(ours), np.array(base), ALPHA, JUDGE).answer for ours in (new, worse)]
    assert PROGRESS[answers[1]] >= PROGRESS[answers[0]]


# --------------------------------------------------------------------------- through the judge
SECONDS = metrics.metric("epoch_seconds")
TIME = metrics.metric("time_to_accuracy")
STORED = [Point(Reading(1 + i / 100), f"s{i:02}", f"{i:02}") for i in range(12)]
SLOW = Point(Reading(1.5))


def pair(number: int, new: float, base: float) -> list[Point]:
    return [
        Point(Reading(new), role=NEW, pair=number),
        Point(Reading(base), role=BASE, pair=number),
    ]


def judged(runs: list[Point], metric: metrics.Metric = SECONDS) -> Verdict:
    options = JudgeOptions(rerun=True, method=PAIRED_STACK)
    return judge(metric, STORED, [], [SLOW, *runs], options)


def slower(count: int) -> list[Point]:
    return [point for i in range(count) for point in pair(i, 1.5 + i / 100, 1.0 + i / 100)]


def test_four_pairs_then_four_then_four_are_asked_for() -> None:
    asked = [judged(slower(made)).more for made in (0, LOOKS[0])]
    assert asked == [More("pairs", 4), More("pairs", 4)]
    verdict = judged(slower(8))
    assert (verdict.status, verdict.new_runs, verdict.judge) == ("regressed", 8, PAIRED_STACK)
    assert verdict.effect == pytest.approx(0.5, abs=0.1)


def test_a_pair_with_one_side_missing_is_asked_for_again() -> None:
    runs = [p for p in slower(8) if not (p.pair == 5 and p.role == BASE)]
    assert judged(runs).more == More("pairs", 1)
    assert judged([p for p in runs if p.role == NEW]).more == More("pairs", 4)


def test_of_a_pair_that_came_twice_the_first_counts() -> None:
    again = [*slower(8), *pair(0, 0.1, 99.0)]
    assert judged(again) == judged(slower(8))


def test_the_order_in_which_pairs_are_handed_in_does_not_matter() -> None:
    assert judged(slower(8)[::-1]) == judged(slower(8))


def test_the_night_cannot_bias_pairs_for_both_sides_meet_it() -> None:
    draw = np.random.default_rng(5)
    nights = np.exp(draw.normal(0, 0.3, MOST))
    runs = [
        point
        for i, night in enumerate(nights)
        for point in pair(i, 1.5 * night * (1 + 0.01 * draw.random()), 1.5 * night)
    ]
    verdict = judged(runs)
    assert verdict.status in {"passed", "blind"}


def test_a_base_that_never_reached_its_target_is_no_measure() -> None:
    runs = slower(8)
    runs[1] = Point(Reading(0.5, censored=True), role=BASE, pair=0)
    verdict = judged(runs, TIME)
    assert verdict.status == "inconclusive"
    assert verdict.message.startswith("1 of 8 base runs never reached the target")


def test_a_pair_that_is_no_number_has_failed() -> None:
    assert judged([*slower(4), *pair(4, float("nan"), 1.0)]).status == "failed"


def test_the_base_alone_being_slow_is_no_regression() -> None:
    runs = [point for i in range(8) for point in pair(i, 1.0 + i / 100, 1.5 + i / 100)]
    assert judged(runs).status in {"passed", "blind"}
