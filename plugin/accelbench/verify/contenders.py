"""Peers' rules on the same streams: their own false alarms, and what they see at equal ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from accelbench.peers import Rule, rule
from accelbench.verify import draws
from accelbench.verify.draws import Accuracies, Floats, Throughputs
from accelbench.verify.power_curve import POWER
from accelbench.verify.worlds import COLLAPSED, OUTLIER_DROP, TRIALS, World

METRICS = 25
"""Metrics of one kind in a night."""

NIGHTLY = 0.01
"""The rate of nights with a false alarm at which the rules are compared."""

PRECISION = 1.02
"""A smallest drop is looked for to 2 % of itself."""
Cells = Throughputs | Accuracies


@dataclass(frozen=True)
class Contender:
    """A peer's rule, with as many stored runs as it is given: its own number, or all of them."""

    rule: str
    stored: int

    @property
    def label(self) -> str:
        """The contender's name in tables."""
        runs = rule(self.rule).runs
        return f"{self.rule}: {runs} new, {self.stored} stored"


OWN = (
    Contender("fixed_5_percent", 40),
    Contender("fixed_7_percent", 40),
    Contender("torchbench", 1),
    Contender("pytest_benchmark", 1),
    Contender("student_t", 10),
    Contender("mann_whitney", 10),
    Contender("mlperf_rcp", 10),
    Contender("otava", 40),
)
"""Each as its tool is used: one run or five, against one earlier run, ten, or all of them."""

RICH = (Contender("student_t", 40), Contender("mann_whitney", 40), Contender("mlperf_rcp", 40))
"""The tests again with all the history that our judge has."""


def drawn(kind: str, world: World, nights: int, rng: np.random.Generator, one: float = 0) -> Cells:
    """Draw the cells of so many nights; `one`: a cell a night, of this throughput sigma."""
    cells = 1 if one else METRICS
    if kind == "accuracy":
        return draws.accuracies(world, nights, cells, rng)
    return draws.throughputs(world, draws.nights(world, nights, rng), cells, rng, one or None)


def tonight(cells: Cells, runs: int, rng: np.random.Generator) -> Floats:
    """Draw runs of tonight for each cell (n, runs), as a rule sees them: lower is worse."""
    count = len(cells.night)
    if isinstance(cells, Accuracies):
        level = cells.level - cells.drop * cells.sigma
        share = level[:, None] + cells.true_sd[:, None] * rng.normal(0, 1, (count, runs))
        fell = rng.random(share.shape) < cells.collapses
        share = np.where(fell, rng.uniform(*COLLAPSED, share.shape), np.clip(share, 0, 1))
        return np.asarray(rng.binomial(TRIALS, share) / TRIALS)
    world = cells.world
    machine = cells.nights.machine[cells.night, -1] - world.trend * cells.place
    base = cells.sensitivity * machine + cells.effect + math.log1p(-cells.drop)
    values = base[:, None] + world.noise * cells.sigma[:, None] * rng.normal(0, 1, (count, runs))
    slow = rng.random(values.shape) < world.outliers
    drops = np.log1p(-rng.uniform(*OUTLIER_DROP, values.shape))
    return np.asarray(np.exp(np.where(slow, values + drops, values)))


def stored(cells: Cells, runs: int) -> Floats:
    """Return the newest stored runs of each cell (n, runs)."""
    values = cells.correct / TRIALS if isinstance(cells, Accuracies) else np.exp(cells.stored)
    return np.asarray(values[:, values.shape[1] - runs :])


@dataclass(frozen=True)
class Scored:
    """A contender in one world: nights with an alarm at its own threshold, and the equal one."""

    own_rate: float
    threshold: float


def calibrated(
    contender: Contender, kind: str, world: World, nights: int, rng: np.random.Generator
) -> Scored:
    """Return a rule's own rate of false nights, and the threshold that alarms on 1 % of them."""
    peer = rule(contender.rule)
    cells = drawn(kind, world, nights, rng)
    scores = peer.scores(tonight(cells, peer.runs, rng), stored(cells, contender.stored))
    highest = scores.reshape(nights, METRICS).max(axis=1)
    equal = float(np.quantile(highest, 1 - NIGHTLY, method="higher"))
    return Scored(float((highest > peer.threshold).mean()), equal)


def detectable(  # a rule at a threshold, in a world, on so many cells
    contender: Contender, kind: str, threshold: float, cells: Cells, rng: np.random.Generator
) -> float:
    """Return the smallest drop that the rule alarms on with 90 % power; infinite for none.

    In standard deviations of an accuracy, relative for a throughput.
    """
    peer = rule(contender.rule)
    past = stored(cells, contender.stored)
    low, high = (0.1, 60.0) if kind == "accuracy" else (0.001, 0.9)
    if _power(peer, replace(cells, drop=high), past, threshold, rng) < POWER:
        return math.inf
    while high / low > PRECISION:
        middle = math.sqrt(low * high)
        seen = _power(peer, replace(cells, drop=middle), past, threshold, rng) >= POWER
        low, high = (low, middle) if seen else (middle, high)
    return math.sqrt(low * high)


def _power(
    peer: Rule, cells: Cells, past: Floats, threshold: float, rng: np.random.Generator
) -> float:
    return float(peer.alarms(tonight(cells, peer.runs, rng), past, threshold).mean())
