"""A judgement survives its JSON, whatever its numbers are; and every bit of it is compared."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from accelbench import cases, codec
from accelbench.cases import Judgement
from accelbench.offline.replay import differences
from accelbench.records import More, Reading, Verdict
from accelbench.verdict import STATUSES, Case, Floor, JudgeOptions, Point
from accelbench.verdict.evidence import METHODS, ROLES
from accelbench.verdict.trajectory import Trajectory

NUMBERS = st.floats()  # with NaN, both infinities, -0.0, and the smallest there are
COUNTS = st.integers(0, 2**40)
MAYBE = st.none() | NUMBERS
TEXTS = st.text(max_size=5)

READINGS = st.builds(Reading, NUMBERS, st.booleans(), st.none() | COUNTS)
POINTS = st.builds(
    Point, READINGS, TEXTS, TEXTS, TEXTS, MAYBE, st.sampled_from(ROLES), st.integers(0, 20)
)
OPTIONS = st.builds(
    JudgeOptions,
    gates=COUNTS,
    screen=NUMBERS,
    alpha_night=NUMBERS,
    rerun=st.booleans(),
    method=st.sampled_from(METHODS),
    units=COUNTS,
    chance=NUMBERS,
    exact_digits=st.none() | COUNTS,
    smallest_effect=MAYBE,
    floor=st.none() | st.builds(Floor, NUMBERS, st.booleans()),
    trajectory=st.builds(Trajectory, TEXTS, st.none() | COUNTS, NUMBERS),
)
MANY = st.lists(POINTS, max_size=3).map(tuple)
CASES = st.builds(Case, TEXTS, MANY, MANY, MANY, OPTIONS)
VERDICTS = st.builds(
    Verdict,
    metric=TEXTS,
    status=st.sampled_from(STATUSES),
    value=MAYBE,
    reference=MAYBE,
    bound=MAYBE,
    effect=MAYBE,
    p_value=MAYBE,
    alpha=MAYBE,
    reference_runs=COUNTS,
    gated=st.booleans(),
    message=TEXTS,
    interval=st.lists(NUMBERS, max_size=2).map(tuple),
    detectable=MAYBE,
    suspected_by=st.lists(TEXTS, max_size=2).map(tuple),
    more=st.none() | st.builds(More, TEXTS, COUNTS),
)
JUDGEMENTS = st.builds(Judgement, CASES, VERDICTS)


@given(JUDGEMENTS)
def test_a_judgement_is_read_as_it_was_written(judgement: Judgement) -> None:
    text = codec.dumps(judgement)
    assert "\n" not in text
    again = codec.loads(Judgement, text)
    assert repr(again) == repr(judgement)  # a NaN equals no NaN, and -0.0 equals 0.0
    assert codec.dumps(again) == text
    assert cases.same(judgement, again)
    assert differences("file:1", judgement, again) == []


@given(
    st.lists(st.floats(0.5, 1.0), min_size=5, max_size=8),
    st.lists(st.floats(0.0, 1.0) | NUMBERS, min_size=1, max_size=9),
    st.sampled_from(["accuracy", "loss", "throughput", "epochs_to_accuracy"]),
)
def test_judging_what_was_read_gives_every_bit_again(
    stored: list[float], new: list[float], metric: str
) -> None:
    reference = tuple(Point(Reading(x), f"s{i % 3}", f"{i}") for i, x in enumerate(stored))
    runs = tuple(
        Point(Reading(x), "now", f"n{i}", role="fresh" if i else "screen")
        for i, x in enumerate(new)
    )
    first = cases.judged(Case(metric, reference, (), runs, JudgeOptions(rerun=True)))
    read = codec.loads(Judgement, codec.dumps(first))
    assert differences("file:1", read, cases.judged(read.case)) == []


def test_every_field_that_differs_is_named_with_both_values() -> None:
    case = Case("loss", (), (), (), JudgeOptions())
    stored = Judgement(case, Verdict("loss", "passed", 1.0, p_value=math.nan, interval=(0.1, 0.2)))
    now = replace(
        stored, verdict=replace(stored.verdict, value=math.nextafter(1, 2), interval=(0.1, 0.3))
    )
    assert [str(each) for each in differences("f:1", stored, now)] == [
        "f:1: loss: value: 1.0 -> 1.0000000000000002",
        "f:1: loss: interval: [0.1, 0.2] -> [0.1, 0.3]",
    ]
