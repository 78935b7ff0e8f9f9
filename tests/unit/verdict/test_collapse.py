"""The channel of collapses: its rates by listing, its crossing by exact recursion."""

from __future__ import annotations

import math
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from accelbench.verdict import collapse
from accelbench.verdict.confirm import seeds
from accelbench.verdict.evidence import JudgeOptions

USUALS = (collapse.USUAL_RATE, 0.05, 0.2, 0.5, 0.95)


def reaches(rate: float, usual: float, evidence: float, looks: int) -> float:
    """Return the exact chance that the evidence is reached within so many fresh runs."""

    @cache
    def from_here(down: int, healthy: int) -> float:
        if down + healthy and collapse.e_value(down, healthy, usual) >= evidence:
            return 1.0
        if down + healthy == looks:
            return 0.0
        worse, better = from_here(down + 1, healthy), from_here(down, healthy + 1)
        return rate * worse + (1 - rate) * better

    return from_here(0, 0)


@pytest.mark.parametrize("usual", USUALS)
@pytest.mark.parametrize("runs", [1, 3, 8, 20])
def test_the_expected_evidence_of_healthy_runs_is_at_most_one(usual: float, runs: int) -> None:
    for rate in (usual, usual / 2, 0.0):
        expected = math.fsum(
            float(binom.pmf(k, runs, rate)) * collapse.e_value(k, runs - k, usual)
            for k in range(runs + 1)
        )
        assert expected <= 1 + 1e-12


@pytest.mark.parametrize("usual", USUALS)
def test_each_run_keeps_the_expected_evidence_or_lowers_it(usual: float) -> None:
    for down in range(6):
        for healthy in range(6):
            worse = collapse.e_value(down + 1, healthy, usual)
            better = collapse.e_value(down, healthy + 1, usual)
            now = collapse.e_value(down, healthy, usual)
            assert usual * worse + (1 - usual) * better <= now * (1 + 1e-12)


@pytest.mark.parametrize("usual", USUALS[:-1])
@pytest.mark.parametrize("alpha", [0.05, 1e-3, JudgeOptions().alpha * (1 - seeds.SHIFT_SHARE)])
def test_looking_after_every_run_crosses_no_more_often_than_alpha(
    usual: float, alpha: float
) -> None:
    for looks in (seeds.COLLAPSE_RUNS[-1], 40):
        for rate in (usual, usual / 3):
            assert reaches(rate, usual, 1 / alpha, looks) <= alpha


def test_a_workload_that_nearly_always_collapses_is_caught_nearly_always() -> None:
    limit = JudgeOptions().alpha * (1 - seeds.SHIFT_SHARE)
    found = [
        reaches(rate, collapse.USUAL_RATE, 1 / limit, seeds.COLLAPSE_RUNS[-1])
        for rate in (0.5, 0.9, 1.0)
    ]
    assert found == sorted(found)
    assert found[0] >= 0.75
    assert found[1] >= 0.99
    assert found[2] == 1.0


def test_collapses_that_always_were_are_no_evidence() -> None:
    assert collapse.e_value(8, 0, usual=0.99) == 0.0
    assert collapse.e_value(0, 8, usual=0.03) < 1


def test_without_stored_runs_the_usual_rate_is_the_least() -> None:
    assert collapse.usual_rate(0, 0) == collapse.USUAL_RATE


@given(st.integers(0, 50), st.integers(1, 200))
def test_the_usual_rate_is_never_below_the_stored_one(collapsed: int, runs: int) -> None:
    collapsed = min(collapsed, runs)
    usual = collapse.usual_rate(collapsed, runs)
    assert collapse.USUAL_RATE <= usual <= 0.99
    assert usual >= min(0.99, collapsed / runs)


def test_the_line_lies_at_three_quarters_of_the_way_from_chance() -> None:
    assert collapse.line([0.9, 0.8, 0.95], chance=0.1) == pytest.approx(0.1 + 0.75 * 0.8)
    assert collapse.line([], chance=0.1) is None
    assert collapse.line([0.1], chance=0.1) is None
    assert collapse.line([0.05], chance=0.1) is None
