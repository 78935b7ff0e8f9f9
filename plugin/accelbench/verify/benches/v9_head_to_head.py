"""V9: what each rule sees when all raise a false alarm on equally many nights: 1 in 100.

Peers' thresholds are moved until 1 % of the nights of 25 unchanged metrics of one kind alarm; ours
stays as it is, below that. The smallest drop is then that of a throughput with a run-to-run spread
of 1 %, among metrics of 1 to 5 %, or of an accuracy in its own standard deviations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from accelbench.verdict.evidence import PAIRED_CODE, UNPAIRED
from accelbench.verify.bench import Row, Size, Task, met
from accelbench.verify.benches.v2_sensitivity import DROPS_SIGMA, SIGMA, cells_of
from accelbench.verify.contenders import OWN, RICH, Contender, calibrated, detectable, drawn
from accelbench.verify.play import Rules, play
from accelbench.verify.power_curve import curve
from accelbench.verify.worlds import CLEAN, DRIFT, NOISY, TAILS, World

KINDS = ("throughput", "accuracy")
WORLDS = (CLEAN, TAILS, DRIFT, NOISY)
NEAR = {PAIRED_CODE: 0.034, UNPAIRED: 0.044, "fresh seeds": 2.8}
"""About where each of our judges has 90 % power: what its curve is measured around."""

WIDER = {PAIRED_CODE: 0.95, UNPAIRED: 1.07, "fresh seeds": 0.87}
"""The same with the wide screen: it suspects more, and its limit for each suspicion is stricter."""

WIDE = 0.5
"""A screen so wide costs as much as five runs of every test."""

SHARE = 2
_WHY = "where nothing drifts, five runs of every test and all the history see a little more"
PEER_NIGHTS = 2
OTAVA_NIGHTS = 25
"""Its library looks at one series at a time: so much fewer nights, by this divisor."""


def _ours(kind: str, world: World, cells: int, rng: np.random.Generator) -> list[Row]:
    found = []
    methods = (PAIRED_CODE, UNPAIRED) if kind == "throughput" else ("fresh seeds",)
    for method in methods:
        for screen in (0.10, WIDE):
            rules = Rules(method if kind == "throughput" else PAIRED_CODE, screen)
            near = _near(method, screen, world)
            runs = play(cells_of(kind, world, cells, 0.0, rng), rules, rng).runs.mean()

            def caught(drop: float, rules: Rules = rules) -> list[bool]:
                return list(play(cells_of(kind, world, cells, drop, rng), rules, rng).regressed)

            value = curve(caught, [share * near for share in DROPS_SIGMA]).detectable
            label = f"accelbench, {method}, screen {screen:g}"
            found.append(_row(kind, world, label, value, f"{runs:.1f} runs per unchanged test"))
    return found


def _near(method: str, screen: float, world: World) -> float:
    """Return about where a judge of ours has 90 % power; tonight's noise is the machine's alone."""
    wide = WIDER[method] if screen == WIDE else 1.0
    noise = 1.0 if method == "fresh seeds" else world.noise**0.7
    return NEAR[method] * wide * noise


def _row(kind: str, world: World, label: str, value: float, note: str) -> Row:
    factor, unit = (1.0, "sd") if kind == "accuracy" else (100.0, "%")
    what = f"smallest {kind} drop at equal false alarms"
    return Row("V9", what, world.name, label, factor * value, unit, note=note)


def _peer(
    contender: Contender, kind: str, world: World, size: Size, rng: np.random.Generator
) -> Row:
    nights = max(100, size.nights // (OTAVA_NIGHTS if contender.rule == "otava" else PEER_NIGHTS))
    try:
        scored = calibrated(contender, kind, world, nights, rng)
    except ImportError as error:
        return _row(kind, world, contender.label, math.nan, str(error))
    cells = drawn(
        kind, world, max(200, size.cells // (10 if contender.rule == "otava" else 1)), rng, SIGMA
    )
    value = detectable(contender, kind, scored.threshold, cells, rng)
    note = f"at its own threshold {100 * scored.own_rate:.3g} % of nights alarm"
    return _row(kind, world, contender.label, value, note)


def _run(kind: str, world: World, size: Size, rng: np.random.Generator) -> tuple[Row, ...]:
    cells = max(20, size.cells // SHARE)
    ours = _ours(kind, world, cells, rng)
    peers = [_peer(each, kind, world, size, rng) for each in OWN]
    rich = [_peer(each, kind, world, size, rng) for each in RICH]
    # At our usual cost beside the tools as they are used; at the cost of five runs of every test
    # beside all of them, those too that are given all the history that we have.
    usual, wide = _aimed(ours[0], peers, size), _aimed(ours[1], [*peers, *rich], size)
    return (replace(usual, count=cells * len(DROPS_SIGMA)), wide, *ours[2:], *peers, *rich)


def _aimed(ours: Row, peers: Sequence[Row], size: Size) -> Row:
    """Return our row with its target: to see more than the best of some peers."""
    known = [row for row in peers if not math.isnan(row.value)]
    best = min(known, key=lambda row: row.value)
    return replace(
        ours,
        target=f"below the best peer's {best.value:.3g} {best.unit} ({best.judge})",
        met=met(size, reached=ours.value < best.value, refuted=False),
        note=ours.note if ours.value < best.value else f"{ours.note}; {_WHY}",
    )


TASKS = tuple(
    Task("V9", f"{kind}, {world.name}", partial(_run, kind, world))
    for kind in KINDS
    for world in WORLDS
)
