"""Whole nights: what counts as a false alarm, and that each night counts once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accelbench.verdict.evidence import PAIRED_CODE, UNPAIRED
from accelbench.verify import draws, nights
from accelbench.verify.draws import Nights, Throughputs
from accelbench.verify.nights import tally
from accelbench.verify.play import Rules
from accelbench.verify.worlds import CLEAN, DRIFT, FRESH, World

Draw = np.random.Generator


@pytest.fixture
def slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every throughput of tonight is 40 % down, and the control is not."""
    plain = draws.throughputs

    def dropped(world: World, drawn: Nights, cells: int, rng: Draw) -> Throughputs:
        return replace(plain(world, drawn, cells, rng), drop=0.4)

    monkeypatch.setattr(draws, "throughputs", dropped)


def test_a_few_clean_nights_raise_nothing_and_cost_a_little_more_than_a_run_a_test() -> None:
    found = tally(CLEAN, Rules(PAIRED_CODE), 3, np.random.default_rng(1))
    assert (found.nights, found.alarms, found.throughput, found.accuracy, found.machine) == (
        3,
        0,
        0,
        0,
        0,
    )
    assert 1 < found.accuracy_runs < 3
    assert 1 < found.throughput_runs < 6


def test_a_night_with_many_alarms_of_all_kinds_counts_once(slower: None) -> None:
    found = tally(DRIFT, Rules(PAIRED_CODE), 4, np.random.default_rng(2))
    assert (found.throughput, found.machine, found.alarms) == (4, 4, 4)


def test_the_headline_alone_is_a_false_alarm_too(slower: None) -> None:
    # Seven stored runs in three nights are too few for the unpaired rule to reject anything.
    found = tally(FRESH, Rules(UNPAIRED), 3, np.random.default_rng(3))
    assert found.throughput == 0
    assert (found.machine, found.alarms) == (3, 3)
    assert found.throughput_runs == 1


def test_nights_drawn_in_blocks_are_all_counted(
    slower: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nights, "BLOCK", 2)
    found = tally(FRESH, Rules(UNPAIRED), 5, np.random.default_rng(4))
    assert (found.nights, found.machine, found.alarms) == (5, 5, 5)
    assert found.throughput_runs == pytest.approx(1)


def test_equal_seeds_count_the_same() -> None:
    one, other = (tally(DRIFT, Rules(UNPAIRED), 2, np.random.default_rng(5)) for _ in range(2))
    assert one == other
