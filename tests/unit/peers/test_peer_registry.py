"""The folder is the registry of peer rules, and every one alarms on what is plainly worse."""

from __future__ import annotations

import importlib.util
import itertools

import numpy as np
import pytest

from accelbench import peers
from accelbench.peers import Rule
from accelbench.peers.rule import Floats

RULES = [
    peers.rule(name)
    for name in peers.names()
    if name != "otava" or importlib.util.find_spec("otava") is not None
]
NAMES = [rule.name for rule in RULES]


def streams(metrics: int, stored: int, runs: int, seed: int = 1) -> tuple[Floats, Floats]:
    generator = np.random.default_rng(seed)
    values = generator.normal(100.0, 1.0, (metrics, stored + runs))
    return values[:, stored:], values[:, :stored]


def test_the_rules_are_the_files_of_the_folder() -> None:
    assert peers.names() == (
        "fixed_5_percent",
        "fixed_7_percent",
        "mann_whitney",
        "mlperf_rcp",
        "otava",
        "pytest_benchmark",
        "student_t",
        "torchbench",
    )
    assert tuple(peers.rule(name).name for name in peers.names()) == peers.names()


def test_an_unknown_rule_is_named_beside_those_that_exist() -> None:
    with pytest.raises(KeyError, match="unknown rule 'asv'; known: fixed_5_percent, fixed_7"):
        peers.rule("asv")


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_rule_alarms_on_what_is_much_worse_and_not_on_what_is_much_better(rule: Rule) -> None:
    new, stored = streams(4, 30, rule.runs)
    new = new * np.array([0.8, 1.2, 0.8, 1.2])[:, None]
    assert rule.alarms(new, stored).tolist() == [True, False, True, False]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_the_score_grows_with_the_damage(rule: Rule) -> None:
    new, stored = streams(3, 30, rule.runs)
    scores = [rule.scores(new * factor, stored) for factor in (0.95, 0.9, 0.8)]
    assert all((before <= after).all() for before, after in itertools.pairwise(scores))
    assert (scores[-1] > rule.threshold).all()


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_metric_is_judged_by_its_own_row_alone(rule: Rule) -> None:
    new, stored = streams(5, 30, rule.runs)
    new[2], stored[3] = 50.0, np.round(stored[3])  # a damaged row, and one with ties
    together = rule.scores(new, stored)
    alone = [rule.scores(new[[row]], stored[[row]])[0] for row in range(5)]
    np.testing.assert_allclose(together, alone, rtol=1e-9)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_the_unit_of_a_metric_does_not_matter(rule: Rule) -> None:
    new, stored = streams(5, 30, rule.runs)
    np.testing.assert_allclose(
        rule.scores(new * 1024.0, stored * 1024.0), rule.scores(new, stored), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_values_that_are_all_equal_alarm_nobody(rule: Rule) -> None:
    stored = np.full((2, 30), 3.0)
    assert not rule.alarms(np.full((2, rule.runs), 3.0), stored).any()


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_another_threshold_gives_another_rate_of_false_alarms(rule: Rule) -> None:
    new, stored = streams(200, 30, rule.runs)
    strict = np.quantile(rule.scores(new, stored), 0.99)
    assert rule.alarms(new, stored, strict).mean() <= 0.01


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_the_newest_runs_count_where_there_are_more_than_the_rule_takes(rule: Rule) -> None:
    new, stored = streams(3, 30, rule.runs + 2)
    np.testing.assert_array_equal(rule.scores(new, stored), rule.scores(new[:, 2:], stored))


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_too_few_values_are_an_error_that_says_how_many_are_needed(rule: Rule) -> None:
    new, stored = streams(2, 30, rule.runs)
    with pytest.raises(ValueError, match=f"{rule.name} needs {rule.runs} new and"):
        rule.scores(new, stored[:, : rule.stored_needed - 1])
    with pytest.raises(ValueError, match="stored values, not 0 and 30"):
        rule.scores(new[:, :0], stored)
    assert np.isfinite(rule.scores(new, stored[:, : rule.stored_needed])).all()
