"""Each peer rule against its tool, or against numbers worked out by hand."""

from __future__ import annotations

import itertools
import math
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_benchmark.utils import parse_compare_fail
from scipy import stats

from accelbench.peers import rule

STORED = np.array([[98.0, 101.0, 100.0, 99.5, 102.0, 100.5, 99.0]])
POSITIVE = st.floats(0.01, 1e6)


def row(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([values])


# ------------------------------------------------------------------------------------ ratios
def test_the_fixed_tolerances_are_of_the_stored_mean() -> None:
    stored = row(90.0, 110.0)
    for name, limit in (("fixed_5_percent", 95.0), ("fixed_7_percent", 93.0)):
        assert not rule(name).alarms(row(limit + 0.01), stored)[0]
        assert rule(name).alarms(row(limit - 0.01), stored)[0]
    assert rule("fixed_5_percent").scores(row(80.0), stored)[0] == pytest.approx(0.2)


def test_torchbench_compares_the_latency_with_that_of_the_night_before() -> None:
    stored = row(500.0, 100.0)  # the older one does not count
    assert not rule("torchbench").alarms(row(100 / 1.0699), stored)[0]
    assert rule("torchbench").alarms(row(100 / 1.0701), stored)[0]


@given(POSITIVE, POSITIVE)
def test_pytest_benchmarks_own_check_gives_the_same_percentage(new: float, stored: float) -> None:
    check = parse_compare_fail("mean:5%")
    expected = check.compute({"mean": 1 / new}, {"mean": 1 / stored})
    scored = rule("pytest_benchmark").scores(row(new), row(1.0, stored))[0]
    assert scored == expected
    assert rule("pytest_benchmark").threshold == check.threshold


# ----------------------------------------------------------------------------------- student
def test_student_t_is_the_closed_form_of_a_prediction_bound() -> None:
    values = STORED[0].tolist()
    for x in (97.0, 99.0, 100.0, 104.0):
        t = (x - fmean(values)) / (stdev(values) * math.sqrt(1 + 1 / 7))
        p = stats.t.cdf(t, 6)
        assert rule("student_t").scores(row(x), STORED)[0] == pytest.approx(-math.log10(p))


def test_at_student_ts_bound_it_begins_to_alarm() -> None:
    values = STORED[0].tolist()
    bound = fmean(values) - stats.t.ppf(0.95, 6) * stdev(values) * math.sqrt(1 + 1 / 7)
    assert rule("student_t").alarms(row(bound - 1e-6), STORED)[0]
    assert not rule("student_t").alarms(row(bound + 1e-6), STORED)[0]


def test_the_smallest_p_values_keep_their_order() -> None:
    scores = [rule("student_t").scores(row(x), STORED)[0] for x in (1e-3, 1e-1, 10.0)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3


# ------------------------------------------------------------------------------ mann-whitney
def p_by_counting(new: list[float], stored: list[float]) -> float:
    """Return P(U <= observed) over all ways to choose which values are the new ones."""
    joint = [*new, *stored]

    def u(chosen: tuple[int, ...]) -> float:
        others = [joint[i] for i in range(len(joint)) if i not in chosen]
        return sum((joint[i] > x) + 0.5 * (joint[i] == x) for i in chosen for x in others)

    observed = u(tuple(range(len(new))))
    ways = [u(each) for each in itertools.combinations(range(len(joint)), len(new))]
    return sum(way <= observed for way in ways) / len(ways)


def test_mann_whitney_is_the_exact_count_of_all_choices() -> None:
    new = [97.0, 98.5, 99.2, 96.0, 100.2]
    p = p_by_counting(new, STORED[0].tolist())
    assert rule("mann_whitney").scores(row(*new), STORED)[0] == pytest.approx(-math.log10(p))


@pytest.mark.parametrize("ties", [False, True])
def test_mann_whitney_is_what_scipy_says_by_itself(ties: bool) -> None:
    generator = np.random.default_rng(5)
    new, stored = generator.normal(0, 1, (20, 5)), generator.normal(0, 1, (20, 12))
    if ties:
        new, stored = np.round(new, 1), np.round(stored, 1)
        new[:, 0] = stored[:, 0]
    scores = rule("mann_whitney").scores(new, stored)
    for index in range(20):
        p = stats.mannwhitneyu(new[index], stored[index], alternative="less").pvalue
        assert scores[index] == pytest.approx(-math.log10(p))


def test_mann_whitney_alarms_in_one_of_twenty_without_a_change() -> None:
    generator = np.random.default_rng(7)
    values = generator.normal(0, 1, (4000, 25)) + 100
    rate = rule("mann_whitney").alarms(values[:, :5], values[:, 5:]).mean()
    assert 0.035 < rate < 0.06
