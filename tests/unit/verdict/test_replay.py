"""A verdict is judged again from its JSON, bit for bit."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from accelbench import codec, metrics
from accelbench.cases import Judgement, judged, same
from accelbench.records import Reading
from accelbench.verdict import Case, Floor, JudgeOptions, Point
from accelbench.verdict.evidence import METHODS, ROLES

NUMBER = st.one_of(st.floats(), st.floats(0.5, 1.5), st.floats(0.5, 1.5), st.integers(0, 9))
READING = st.builds(Reading, NUMBER, st.booleans(), st.one_of(st.none(), st.integers(1, 10**6)))
GOOD = st.builds(Reading, st.floats(0.5, 1.0))
POINT = st.builds(
    Point,
    st.one_of(GOOD, GOOD, READING),
    st.sampled_from(["a", "b", "ü"]),
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(["", "u"]),
    st.one_of(st.none(), NUMBER),
    st.sampled_from(ROLES),
    st.integers(0, 4),
)
OPTIONS = st.builds(
    JudgeOptions,
    gates=st.integers(0, 100),
    rerun=st.booleans(),
    method=st.sampled_from(METHODS),
    units=st.integers(1, 2),
    exact_digits=st.sampled_from([None, None, None, 4]),
    smallest_effect=st.one_of(st.none(), st.floats(0, 1)),
    floor=st.one_of(st.none(), st.builds(Floor, NUMBER, st.booleans())),
)
POINTS = st.lists(POINT, max_size=15).map(tuple)
NAMES = st.sampled_from(metrics.names())
CASES = st.builds(Case, NAMES, POINTS, POINTS, POINTS, OPTIONS)


@given(CASES)
@settings(max_examples=150)
def test_a_case_that_went_through_json_has_the_same_verdict_to_the_bit(case: Case) -> None:
    first = judged(case)
    stored = codec.loads(Judgement, codec.dumps(first))
    assert codec.dumps(codec.loads(Judgement, codec.dumps(stored))) == codec.dumps(stored)
    assert same(judged(stored.case), stored)
    assert stored.verdict == codec.loads(Judgement, codec.dumps(first)).verdict or math.isnan(
        first.verdict.value or 0.0
    )


def made(fresh: float) -> Case:
    """Return a case with numbers that are no numbers among its stored ones and as its control."""
    reference = [Point(Reading(1 + i / 100), f"s{i:02}") for i in range(12)]
    wild = [Point(Reading(value)) for value in (math.nan, math.inf, -math.inf)]
    runs = [
        Point(Reading(2.0), control=math.nan),
        *(Point(Reading(fresh + i / 100), role="fresh") for i in range(8)),
    ]
    return Case("loss", (*reference, *wild), (), tuple(runs), JudgeOptions(rerun=True))


def test_numbers_that_are_none_survive_and_the_verdict_with_them() -> None:
    for fresh, status in ((2.0, "regressed"), (math.nan, "failed"), (1.05, "blind")):
        first = judged(made(fresh))
        assert first.verdict.status == status
        stored = codec.loads(Judgement, codec.dumps(first))
        assert len(stored.case.reference) == 15
        assert same(first, stored)
        assert same(judged(stored.case), first)


def test_another_case_is_not_the_same() -> None:
    assert not same(judged(made(2.0)), judged(made(2.0000001)))
