"""Fresh seeds: what is asked for, where each look's limit lies, and collapses apart."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench.records import More
from accelbench.verdict import ranks
from accelbench.verdict.confirm import decision, seeds
from accelbench.verdict.confirm.seeds import (
    COLLAPSE_RUNS,
    LOOKS,
    SHARES,
    SHIFT_SHARE,
    Seeds,
    decide,
)
from accelbench.verdict.evidence import JudgeOptions
from accelbench.verdict.sample import Sample

ALPHA = JudgeOptions().alpha
FEW, MANY = LOOKS
NONE = np.array([])


def sample(values: object) -> Sample:
    array = np.asarray(values, dtype=float)
    return Sample(array, np.full(len(array), math.nan), ("s",) * len(array), ("",) * len(array))


STORED = np.arange(40, dtype=np.float64) * 0.1
LINE = 50.0
DOWN = 99.0


def asked(fresh: object, line: float | None = None, history: object = NONE) -> Seeds:
    """Return a question without the run that raised the suspicion; see below for its part."""
    return Seeds(sample(STORED), sample(history), sample(NONE), sample(fresh), line)


def test_the_shares_of_the_rate_are_spent_once() -> None:
    assert len(SHARES) == len(LOOKS)
    assert sum(SHARES) == pytest.approx(1.0)
    assert list(LOOKS) == sorted(LOOKS)
    assert 0 < SHIFT_SHARE < 1
    assert seeds.last_alpha(1.0, collapses=True) + (1 - SHIFT_SHARE) < 1


@pytest.mark.parametrize("made", range(MANY))
def test_it_asks_for_what_is_missing_to_the_next_look(made: int) -> None:
    # Worse, but not beyond doubt: the middle of the upper half.
    found = decide(asked(np.linspace(2.9, 3.4, MANY)[:made]), ALPHA)
    assert found.answer == decision.WAITING
    look = FEW if made < FEW else MANY
    assert found.more == More("fresh", look - made)
    assert found.runs == made


def test_fresh_runs_like_the_stored_ones_are_cleared_at_the_first_look() -> None:
    found = decide(asked([1.0, 2.0, 3.0]), ALPHA)
    assert found.answer == decision.CLEARED
    assert found.runs == FEW
    assert found.p_value == ranks.p_greater(np.array([1.0, 2.0, 3.0]), STORED)


def test_runs_after_the_look_that_decided_do_not_count() -> None:
    found = decide(asked([1.0, 2.0, 3.0, *[99.0] * 5]), ALPHA)
    assert found == decide(asked([1.0, 2.0, 3.0]), ALPHA)
    worst = decide(asked([99.0] * FEW), ALPHA)
    assert worst.answer == decision.REJECTED
    assert decide(asked([*[99.0] * FEW, 0.0, 0.0]), ALPHA) == worst


@pytest.mark.parametrize(("fresh", "look"), [([9.0] * FEW, 0), (np.linspace(2.6, 5, MANY), 1)])
@pytest.mark.parametrize("line", [None, 50.0])
def test_the_limits_are_exact_p_at_a_limit_rejects_and_a_hair_above_it_does_not(
    fresh: object, look: int, line: float | None
) -> None:
    share = SHARES[look] * (1.0 if line is None else SHIFT_SHARE)
    p = ranks.p_greater(np.asarray(fresh, dtype=float), STORED)
    at = decide(asked(fresh, line), p / share * (1 + 1e-12))
    assert at.answer == decision.REJECTED
    assert at.p_value == p
    assert at.alpha == pytest.approx(p)
    assert at.runs == LOOKS[look]
    assert decide(asked(fresh, line), p / share * (1 - 1e-9)).answer != decision.REJECTED


def test_when_all_runs_are_made_and_neither_is_shown_they_are_spent() -> None:
    found = decide(asked(np.linspace(2.6, 3.4, MANY)), ALPHA)
    assert (found.answer, found.runs) == (decision.SPENT, MANY)
    assert found.interval is not None
    assert found.shift is not None
    assert found.interval[0] < found.shift < found.interval[1]


def test_the_order_of_the_fresh_runs_matters_by_the_looks_only() -> None:
    fresh = np.linspace(2.6, 3.4, MANY)
    mixed = np.concatenate([fresh[:FEW][::-1], fresh[FEW:][::-1]])
    assert decide(asked(fresh), ALPHA) == decide(asked(mixed), ALPHA)
    assert decide(asked(fresh[::-1]), ALPHA).p_value == decide(asked(fresh), ALPHA).p_value


# --------------------------------------------------------------------------- the suspicious run
def test_the_suspicious_run_is_ranked_among_the_others_and_never_among_the_fresh() -> None:
    fresh = np.array([5.0, 6.0, 7.0])
    for first in (5.5, 99.0):
        found = decide(replace(asked(fresh), first=sample([first])), 1.0)
        assert found.p_value == ranks.p_greater(fresh, np.append(STORED, first))
        assert found.p_value > ranks.p_greater(fresh, STORED)


def test_a_suspicious_run_that_collapsed_is_not_ranked_at_all() -> None:
    fresh = [5.0, 6.0, 7.0]
    found = decide(replace(asked(fresh, LINE), first=sample([DOWN])), ALPHA)
    assert found == decide(asked(fresh, LINE), ALPHA)


def test_among_chosen_suspects_a_rejection_is_as_rare_as_stated_where_nothing_changed() -> None:
    # The screen's choice makes the stored runs look good: ranked without it, too many are rejected.
    draw = np.random.default_rng(9)
    alpha, cells, with_it, without = 0.1, 0, 0, 0
    while cells < 1000:
        stored, first = draw.standard_normal(8), draw.standard_normal(1)
        if first < stored.max():
            continue
        cells += 1
        fresh = draw.standard_normal(MANY)
        each = Seeds(sample(stored), sample(NONE), sample(first), sample(fresh))
        with_it += decide(each, alpha).answer == decision.REJECTED
        without += decide(replace(each, first=sample(NONE)), alpha).answer == decision.REJECTED
    assert with_it / cells <= alpha
    assert without > with_it


# ---------------------------------------------------------------------------------- collapses
def test_runs_that_all_collapse_are_rejected_by_their_number() -> None:
    found = decide(asked([DOWN] * MANY, LINE), ALPHA)
    assert found.answer == decision.REJECTED
    assert found.cause == f"{found.runs} of {found.runs} fresh runs collapsed"
    assert found.p_value is not None
    assert found.p_value <= (1 - SHIFT_SHARE) * ALPHA
    assert found.runs < MANY
    before = decide(asked([DOWN] * (found.runs - 1), LINE), ALPHA)
    assert before.answer == decision.WAITING


def test_one_collapse_is_no_shift_and_keeps_the_first_look_from_clearing() -> None:
    found = decide(asked([DOWN, 1.0, 2.0], LINE), ALPHA)
    assert found.answer == decision.WAITING
    assert found.more == More("fresh", MANY - FEW)
    rest = [1.0, 2.0, 3.0, 1.5, 2.5]
    last = decide(asked([1.0, 2.0, DOWN, *rest], LINE), ALPHA)
    assert last.answer == decision.SPENT
    assert last.p_value == ranks.p_greater(np.array([1.0, 2.0, *rest]), STORED)


def test_what_collapsed_counts_in_the_shift_that_is_shown() -> None:
    found = decide(asked([DOWN, DOWN, 1.0], LINE), ALPHA)
    assert found.answer == decision.WAITING
    fresh = [1.0, 1.5, DOWN, 2.0, 2.5, 1.0, 1.5, 2.0]
    whole = decide(asked(fresh, LINE), ALPHA)
    assert whole.answer == decision.SPENT
    assert whole.shift == ranks.shift(np.array(fresh), STORED)
    assert whole.shift != ranks.shift(np.array([v for v in fresh if v != DOWN]), STORED)


def test_where_eight_runs_point_at_collapses_further_ones_are_asked_for() -> None:
    fresh = [1.0, DOWN, 2.0, 1.5, 1.2, 1.7, DOWN, 2.1]
    made = list(LOOKS[-1:]) + list(COLLAPSE_RUNS)
    for count, then in pairwise(made):
        some = [*fresh, DOWN, *[1.0] * 9][:count]
        found = decide(asked(some, LINE), ALPHA)
        assert found.answer == decision.WAITING
        assert found.more == More("fresh", then - count)
    last = decide(asked([*fresh, DOWN, *[1.0] * 9][: made[-1]], LINE), ALPHA)
    assert last.answer == decision.SPENT
    assert decide(asked([*fresh, *[DOWN] * 4], LINE), ALPHA).answer == decision.REJECTED


def test_stored_collapses_are_left_out_of_the_healthy_and_raise_the_usual_rate() -> None:
    stored = np.append(STORED, [DOWN] * 8)
    often = Seeds(sample(stored), sample(NONE), sample(NONE), sample([DOWN] * 4), LINE)
    assert len(often.healthy) == len(STORED)
    assert decide(asked([DOWN] * 4, LINE), ALPHA).answer == decision.REJECTED
    assert decide(often, ALPHA).answer == decision.WAITING


def test_no_rate_at_all_rejects_nothing() -> None:
    assert decide(asked([DOWN] * MANY, LINE), 0.0).answer != decision.REJECTED
    assert decide(asked([DOWN] * MANY), 0.0).answer == decision.SPENT


# ------------------------------------------------------------------------------------ history
def test_history_like_the_reference_joins_it() -> None:
    assert len(asked([], history=STORED + 0.05).healthy) == 80
    assert len(asked([]).healthy) == 40


@pytest.mark.parametrize("by", [2.5, -2.5])
def test_history_that_crept_away_does_not_become_the_measure(by: float) -> None:
    crept = asked(STORED[-8:] + 1.0, history=STORED + by)
    assert np.array_equal(crept.healthy, STORED)
    assert decide(crept, ALPHA) == decide(asked(STORED[-8:] + 1.0), ALPHA)


def test_history_creeps_at_the_anchors_level_and_not_before() -> None:
    p_values = []
    for by in np.linspace(0, 2, 41):
        history = STORED + by + 0.01
        p = ranks.p_differs(history, STORED)
        assert (len(asked([], history=history).healthy) == 40) == (p < seeds.ANCHORED)
        p_values.append(p)
    assert min(p_values) < seeds.ANCHORED < max(p_values)


def test_a_reference_too_small_to_anchor_takes_all_history() -> None:
    few = Seeds(sample([0.0] * (FEW - 1)), sample(STORED + 9), sample(NONE), sample(NONE))
    assert len(few.healthy) == FEW - 1 + 40


def test_a_hundred_thousand_nights_of_history_are_anchored_in_no_time() -> None:
    history = np.random.default_rng(1).uniform(0, 4, 100_000).round(2)
    assert len(asked([], history=history).healthy) == 100_040
    assert len(asked([], history=history + 1).healthy) == 40


FRESH_VALUES = st.lists(st.floats(-1, 6), min_size=MANY, max_size=MANY)
PROGRESS = {
    decision.CLEARED: 0,
    decision.SPENT: 1,
    decision.WAITING: 1,
    decision.REJECTED: 2,
}


@given(FRESH_VALUES, st.integers(0, MANY - 1), st.floats(0, 5))
def test_a_worse_fresh_run_never_turns_a_rejection_away(
    fresh: list[float], which: int, by: float
) -> None:
    worse = [value + by * (i == which) for i, value in enumerate(fresh)]
    before, after = decide(asked(fresh), ALPHA), decide(asked(worse), ALPHA)
    assert PROGRESS[after.answer] >= PROGRESS[before.answer]
