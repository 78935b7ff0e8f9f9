"""How often the judge is wrong where nothing changed, played to the end through `judge`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import binomtest

from accelbench import metrics
from accelbench.records import Reading, Verdict
from accelbench.verdict import JudgeOptions, Point, judge, statuses
from accelbench.verdict.evidence import (
    BASE,
    FRESH,
    LEAST_CANDIDATES,
    NEW,
    PAIRED_CODE,
    SCREEN,
    UNPAIRED,
)
from accelbench.verdict.trajectory import Trajectory

LEVEL = 0.1
"""The rate of one suspicion's false alarms that is asked for here: alarms that can be counted."""

SURE = JudgeOptions(
    alpha_night=LEVEL * LEAST_CANDIDATES,
    rerun=True,
    smallest_effect=0.0,
    trajectory=Trajectory("changed", 1),
)
"""Every cell is suspected, and whatever is shown is a regression."""

Draw = Callable[[np.random.Generator], float]


def quantity(draw: np.random.Generator) -> float:
    """Return a quantity with a night in a hundred twice as noisy, and outliers."""
    wild = 20.0 if draw.random() < 0.02 else 0.0
    return float(np.exp(0.02 * (draw.standard_normal() + wild * draw.random())))


def accuracy(draw: np.random.Generator) -> float:
    """Return an accuracy of 400, many tied; 2 % of the trainings collapse."""
    share = 0.3 if draw.random() < 0.02 else 0.9 + 0.01 * draw.standard_normal()
    return float(draw.binomial(400, min(share, 1.0))) / 400


@dataclass(frozen=True)
class World:
    metric: metrics.Metric
    one: Draw
    options: JudgeOptions
    trials: int | None = None


WORLDS = {
    "seeds": World(metrics.metric("loss"), quantity, SURE),
    "collapses": World(metrics.metric("accuracy"), accuracy, SURE, 400),
    "pairs": World(
        metrics.metric("throughput"),
        quantity,
        JudgeOptions(**{**vars(SURE), "method": PAIRED_CODE}),
    ),
    "nights": World(
        metrics.metric("epoch_seconds"),
        quantity,
        JudgeOptions(**{**vars(SURE), "method": UNPAIRED}),
    ),
}


def played(world: World, options: JudgeOptions, draw: np.random.Generator) -> Verdict:
    """Return the last verdict on one cell of which nothing changed, with all runs it asked for."""

    def point(role: str, number: int) -> Point:
        reading = Reading(world.one(draw), trials=world.trials)
        return Point(reading, f"{number:03}", f"{number:03}", role=role, pair=number)

    reference = [point(SCREEN, i) for i in range(10)]
    history = [point(SCREEN, 10 + i) for i in range(10)]
    runs = [point(SCREEN, 99)]
    for _ in range(6):
        verdict = judge(world.metric, reference, history, runs, options)
        if verdict.more is None:
            return verdict
        roles = (NEW, BASE) if verdict.more.kind == "pairs" else (FRESH,)
        start = len(runs)
        runs += [point(r, start + i) for i in range(verdict.more.count) for r in roles]
    raise AssertionError(f"it asks on and on: {verdict}")


@pytest.mark.parametrize("name", WORLDS)
def test_a_suspicion_is_confirmed_no_more_often_than_its_rate_where_nothing_changed(
    name: str,
) -> None:
    draw = np.random.default_rng(101)
    assert SURE.alpha == pytest.approx(LEVEL)
    cells = 500
    found = Counter(played(WORLDS[name], WORLDS[name].options, draw).status for _ in range(cells))
    alarms = found[statuses.REGRESSED]
    # So many alarms or more would come by chance, at that rate, in one of 1,000 such tests.
    assert binomtest(alarms, cells, LEVEL, alternative="greater").pvalue > 1e-3, found
    assert sum(found.values()) == cells


@pytest.mark.parametrize("name", WORLDS)
def test_a_thousand_healthy_cells_raise_no_alarm_at_the_usual_rate(name: str) -> None:
    draw = np.random.default_rng(102)
    options = JudgeOptions(rerun=True, smallest_effect=0.0, method=WORLDS[name].options.method)
    verdicts = [played(WORLDS[name], options, draw) for _ in range(1000)]
    found = Counter(verdict.status for verdict in verdicts)
    suspected = sum(bool(verdict.suspected_by) for verdict in verdicts)
    # One in ten is suspected, and one in 1,200 of those confirmed: 0.08 alarms are expected, and
    # two or more would come once in 300 times.
    assert found[statuses.REGRESSED] <= 1, found
    assert 0.05 < suspected / 1000 < 0.2
    assert found[statuses.FAILED] == 0
