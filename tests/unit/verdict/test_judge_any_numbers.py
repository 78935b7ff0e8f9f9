"""Any numbers whatever, however many: a defined status, no exception, no warning."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelbench import metrics
from accelbench.records import Reading
from accelbench.verdict import STATUSES, Floor, JudgeOptions, Point, judge, statuses
from accelbench.verdict.evidence import BASE, FRESH, METHODS, NEW, PAIRED_CODE, ROLES, UNPAIRED
from accelbench.verdict.trajectory import Trajectory

SECONDS = metrics.metric("epoch_seconds")

VALUE = st.integers(80, 120).map(lambda v: v / 100)


def points(values: list[float], role: str = "screen") -> list[Point]:
    return [Point(Reading(v), f"s{i:03}", f"{i:03}", role=role) for i, v in enumerate(values)]


ANY_NUMBER = st.one_of(
    st.floats(),
    st.sampled_from([0.0, -0.0, 1.0, 0.5, 5e-324, 1e308, -1e308]),
    st.floats(0.0, 1.0),
    VALUE,
)
ANY_READING = st.builds(
    Reading,
    ANY_NUMBER,
    st.sampled_from([False, False, False, True]),
    st.one_of(st.none(), st.integers(0, 3), st.integers(0, 10**18)),
)
ANY_POINT = st.builds(
    Point,
    st.one_of(st.builds(Reading, VALUE), ANY_READING),
    st.sampled_from("abcdefghijklmn"),
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(["", "u", "v"]),
    st.one_of(st.none(), ANY_NUMBER),
    st.sampled_from(ROLES),
    st.integers(-1, 8),
)
ANY_POINTS = st.one_of(
    st.lists(ANY_POINT, max_size=20), st.builds(lambda p: [p] * 12, ANY_POINT), st.just([])
)
ANY_OPTIONS = st.builds(
    JudgeOptions,
    gates=st.integers(0, 10**9),
    screen=st.sampled_from([1e-9, 0.05, 0.1, 0.3, 0.95, 0.999]),
    alpha_night=st.sampled_from([0.0, 0.01, 1.0]),
    rerun=st.booleans(),
    method=st.sampled_from(METHODS),
    units=st.integers(0, 3),
    chance=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    exact_digits=st.sampled_from([None, None, None, None, -(10**12), -1, 0, 1, 4, 10**12]),
    smallest_effect=st.sampled_from([None, 0.0, 0.01, math.inf]),
    floor=st.one_of(st.none(), st.builds(Floor, ANY_NUMBER, st.booleans())),
    trajectory=st.sampled_from([Trajectory(), Trajectory("changed", 1), Trajectory("exact")]),
)


@given(
    st.sampled_from([metrics.metric(name) for name in metrics.names()]),
    ANY_POINTS,
    ANY_POINTS,
    ANY_POINTS,
    ANY_OPTIONS,
)
@settings(max_examples=600)
def test_no_numbers_whatever_raise_or_warn(
    metric: metrics.Metric,
    reference: list[Point],
    history: list[Point],
    runs: list[Point],
    asked: JudgeOptions,
) -> None:
    runs = [replace(p, role="screen") if i == 0 else p for i, p in enumerate(runs)]
    verdict = judge(metric, reference, history, runs, asked)
    assert verdict.status in {*STATUSES, statuses.MORE}
    assert (verdict.status == statuses.MORE) <= asked.rerun
    assert verdict.metric == metric.name
    if verdict.status == statuses.MORE:
        assert verdict.more is not None
        assert verdict.more.count > 0
    if verdict.p_value is not None:
        assert 0 <= verdict.p_value <= 1
    if any(not math.isfinite(p.reading.value) for p in runs):
        assert verdict.status == "failed"


@pytest.mark.parametrize("name", ["accuracy", "throughput"])
def test_a_hundred_thousand_reference_runs_and_as_many_nights_are_judged(name: str) -> None:
    metric = metrics.metric(name)
    half = [Point(Reading(0.9 + (i % 97) / 1e4), f"s{i % 5000}", f"{i}") for i in range(100_000)]
    fresh = points([0.5 + i / 1000 for i in range(8)], FRESH)
    verdict = judge(metric, half, half, [*points([0.5]), *fresh], JudgeOptions(rerun=True))
    assert verdict.status == "regressed"
    assert (verdict.reference_runs, verdict.history_runs) == (100_000, 100_000)


def test_two_stored_runs_are_learning_and_none_is_new() -> None:
    for count, status in ((0, "new"), (1, "learning"), (2, "learning")):
        for metric in map(metrics.metric, ("accuracy", "loss", "throughput")):
            verdict = judge(
                metric, points([0.9] * count), [], points([0.1]), JudgeOptions(rerun=True)
            )
            assert verdict.status == status


@given(st.lists(VALUE, min_size=12, max_size=20), st.sampled_from([FRESH, NEW]))
def test_the_judge_asks_for_no_more_than_its_last_look(stored: list[float], role: str) -> None:
    """Played to the end: each answer's runs are made, and the last is a final one."""
    method = PAIRED_CODE if role == NEW else UNPAIRED
    runs = points([max(stored) * 1.2])
    for _ in range(6):
        verdict = judge(SECONDS, points(stored), [], runs, JudgeOptions(rerun=True, method=method))
        if verdict.more is None:
            break
        assert verdict.more.count <= 12
        made = sum(p.role == role for p in runs)
        for i in range(made, made + verdict.more.count):
            runs.append(Point(Reading(1.04 + (i % 3) / 100), role=role, pair=i))
            if role == NEW:
                runs.append(Point(Reading(1.0 + (i % 3) / 100), role=BASE, pair=i))
    assert verdict.status in STATUSES
