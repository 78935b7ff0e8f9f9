"""Plays cells through the judge: screens many at once, then hands it the runs that it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accelbench.metrics import metric
from accelbench.records import More, Reading, Verdict
from accelbench.verdict import JudgeOptions, Point, collapse, judge, screen, statuses, suspicion
from accelbench.verdict.confirm import pairs
from accelbench.verdict.evidence import BASE, FRESH, NEW, SCREEN, SECOND_UNIT
from accelbench.verdict.scale import RESOLUTION_LOG, scale_of
from accelbench.verify.draws import Accuracies, Floats, Throughputs, columns
from accelbench.verify.worlds import CHANCE, METRICS, TRIALS

Cells = Throughputs | Accuracies
Booleans = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Rules:
    """How the cells are judged; `method` for throughput, `gates` of the whole night."""

    method: str
    screen: float = 0.10
    gates: int = METRICS
    units: int = 1

    @property
    def options(self) -> JudgeOptions:
        """The judge's own options."""
        return JudgeOptions(
            gates=self.gates,
            screen=self.screen,
            rerun=True,
            method=self.method,
            units=self.units,
            chance=CHANCE,
        )


@dataclass(frozen=True)
class Played:
    """What came of cells (n,): whether they regressed, and how many runs each took.

    `p_worse`, `p_unadjusted`: the screen's, with and without the control. `firsts`: tonight's runs.
    """

    regressed: Booleans
    p_worse: Floats
    p_unadjusted: Floats
    runs: Floats
    firsts: tuple[Point, ...]


def play(cells: Cells, rules: Rules, rng: np.random.Generator) -> Played:
    """Judge every cell's run of tonight, with all the fresh runs that the judge asks for."""
    firsts = [cells.run(i, SCREEN, 0, rng) for i in range(len(cells.night))]
    screened = _screened(cells, firsts)
    suspected = screened.suspects(rules.screen) | _collapsed(cells, firsts)
    regressed = np.zeros(len(firsts), dtype=bool)
    runs = np.ones(len(firsts))
    for cell in np.flatnonzero(suspected):
        verdict, made = _judged(cells, int(cell), firsts[cell], rules, rng)
        regressed[cell] = verdict.status == statuses.REGRESSED
        runs[cell] += made
    controlled = isinstance(cells, Throughputs)
    unadjusted = _screened(cells, firsts, adjusts=False) if controlled else screened
    return Played(regressed, screened.p_worse, unadjusted.p_worse, runs, tuple(firsts))


def _screened(cells: Cells, firsts: Sequence[Point], *, adjusts: bool = True) -> suspicion.Screened:
    """Screen all cells at once, by the function that screens one."""
    if isinstance(cells, Throughputs):
        values = -np.log([p.reading.value for p in firsts])
        controls = -np.log([p.control or np.nan for p in firsts]) if adjusts else None
        nights = len(set(columns(cells.world)[0]))
        stored = screen.Stored(-cells.stored, -cells.controls, nights)
        least = np.full(len(firsts), RESOLUTION_LOG)
        return suspicion.screened(values, controls, stored, cells.world.history, least)
    logits = _logit(cells.correct)
    lines = _lines(cells)
    healthy = np.where(logits < _logit(lines * TRIALS)[:, None], np.nan, logits)
    scale = scale_of("logit", Reading(0.5, trials=TRIALS))
    reference = cells.correct[:, : cells.world.reference]
    least = np.array(
        [
            min(
                scale.resolution(Reading(k / TRIALS, trials=TRIALS)) for k in {row.min(), row.max()}
            )
            for row in reference
        ]
    )
    values = _logit(np.array([p.reading.value * TRIALS for p in firsts]))
    stored = screen.Stored(-healthy)
    return suspicion.screened(-values, None, stored, cells.world.history, least)


def _logit(correct: NDArray[np.int64] | NDArray[np.float64]) -> Floats:
    return np.asarray(np.log((correct + 0.5) / (TRIALS - correct + 0.5)))


def _lines(cells: Accuracies) -> Floats:
    reference = cells.correct[:, : cells.world.reference] / TRIALS
    return np.array([collapse.line(list(row), CHANCE) or 0.0 for row in reference])


def _collapsed(cells: Cells, firsts: Sequence[Point]) -> Booleans:
    if isinstance(cells, Throughputs):
        return np.zeros(len(firsts), dtype=bool)
    return np.asarray(np.array([p.reading.value for p in firsts]) < _lines(cells))


def _judged(
    cells: Cells, cell: int, first: Point, rules: Rules, rng: np.random.Generator
) -> tuple[Verdict, int]:
    """Return a cell's final verdict, and how many confirming runs it took."""
    subject = metric("throughput" if isinstance(cells, Throughputs) else "accuracy")
    stored = cells.stored_points(cell)
    reference, history = stored[: cells.world.reference], stored[cells.world.reference :]
    made: list[Point] = []
    while True:
        verdict = judge(subject, reference, history, [first, *made], rules.options)
        if verdict.status != statuses.MORE or verdict.more is None:
            return verdict, len(made)
        made += _more(cells, cell, verdict.more, len(made), rng)


def _more(cells: Cells, cell: int, more: More, made: int, rng: np.random.Generator) -> list[Point]:
    """Make the runs that a verdict asks for; the two sides of a pair in a random order."""
    if more.kind != pairs.KIND:
        role = SECOND_UNIT if more.kind == SECOND_UNIT else FRESH
        return [cells.run(cell, role, made + i, rng) for i in range(more.count)]
    found: list[Point] = []
    for _ in range(more.count):
        order = [NEW, BASE] if rng.random() < 0.5 else [BASE, NEW]
        for role in order:
            point = cells.run(cell, role, made + len(found), rng)
            found.append(replace(point, pair=(made + len(found)) // 2))
    return found
