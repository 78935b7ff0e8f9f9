"""Otava's change points as a rule; where its library is missing, one line says how to get it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from accelbench.peers import otava, rule

STEADY = 100 + np.random.default_rng(3).normal(0, 1, (1, 60))


@pytest.fixture
def installed() -> None:
    pytest.importorskip("otava", reason=otava.MISSING)


def test_without_the_library_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "otava.analysis", None)
    with pytest.raises(ImportError, match=r"^Apache Otava is not installed: pip install pytest-"):
        rule("otava").scores(STEADY[:, -1:], STEADY[:, :-1])


def test_the_rule_can_be_listed_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "otava.analysis", None)
    assert rule("otava").threshold == pytest.approx(3.0)


def test_a_step_down_tonight_alarms(installed: None) -> None:
    scores = rule("otava").scores(STEADY[:, -1:] * 0.9, STEADY[:, :-1])
    assert scores[0] > rule("otava").threshold


def test_a_step_up_alarms_nobody(installed: None) -> None:
    assert rule("otava").scores(STEADY[:, -1:] * 1.1, STEADY[:, :-1])[0] == 0


def test_an_old_step_is_no_news(installed: None) -> None:
    old, fresh = STEADY.copy(), STEADY.copy()
    old[:, 20:] *= 0.9
    fresh[:, -4:] *= 0.9
    scores = [rule("otava").scores(each[:, -1:], each[:, :-1])[0] for each in (old, fresh)]
    assert scores[0] == 0
    assert scores[1] > 3


def test_a_series_longer_than_its_window_is_read_to_the_end(installed: None) -> None:
    series = 100 + np.random.default_rng(4).normal(0, 1, (2, 160))
    series[1, -3:] *= 0.9
    assert rule("otava").alarms(series[:, -1:], series[:, :-1]).tolist() == [False, True]
