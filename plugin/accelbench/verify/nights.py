"""Whole nights of 50 unchanged metrics, and how many of them raise an alarm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelbench.verdict import machine
from accelbench.verify import draws
from accelbench.verify.play import Played, Rules, play
from accelbench.verify.worlds import ACCURACY_METRICS, THROUGHPUT_METRICS, World

BLOCK = 250
"""Nights drawn at once: what fits a small machine's memory."""


@dataclass(frozen=True)
class Tally:
    """Nights with a false alarm of any kind, and of each: by metric, or the headline *machine*.

    And the runs that an unchanged test took on average.
    """

    nights: int
    alarms: int
    throughput: int
    accuracy: int
    machine: int
    throughput_runs: float
    accuracy_runs: float


def tally(world: World, rules: Rules, count: int, rng: np.random.Generator) -> Tally:
    """Play so many nights without a change, and count the false alarms."""
    blocks = [
        _block(world, rules, min(BLOCK, count - start), rng) for start in range(0, count, BLOCK)
    ]
    return Tally(
        nights=count,
        alarms=sum(b.alarms for b in blocks),
        throughput=sum(b.throughput for b in blocks),
        accuracy=sum(b.accuracy for b in blocks),
        machine=sum(b.machine for b in blocks),
        throughput_runs=sum(b.throughput_runs * b.nights for b in blocks) / count,
        accuracy_runs=sum(b.accuracy_runs * b.nights for b in blocks) / count,
    )


def _block(world: World, rules: Rules, count: int, rng: np.random.Generator) -> Tally:
    drawn = draws.nights(world, count, rng)
    speed = play(draws.throughputs(world, drawn, THROUGHPUT_METRICS, rng), rules, rng)
    right = play(draws.accuracies(world, count, ACCURACY_METRICS, rng), rules, rng)
    slow = speed.regressed.reshape(count, -1).any(axis=1)
    wrong = right.regressed.reshape(count, -1).any(axis=1)
    whole = np.array([_headline(speed, right, night, count, rules) for night in range(count)])
    return Tally(
        nights=count,
        alarms=int((slow | wrong | whole).sum()),
        throughput=int(slow.sum()),
        accuracy=int(wrong.sum()),
        machine=int(whole.sum()),
        throughput_runs=float(speed.runs.mean()),
        accuracy_runs=float(right.runs.mean()),
    )


def _headline(speed: Played, right: Played, night: int, count: int, rules: Rules) -> bool:
    """Tell whether a night's suspicions raise the headline: among all metrics, or a device's."""
    adjusted, raw, other = (
        p.reshape(count, -1)[night] for p in (speed.p_worse, speed.p_unadjusted, right.p_worse)
    )
    everything = np.concatenate([adjusted, other]), np.concatenate([raw, other])
    return machine.slower(*everything, rules.screen) or machine.slower(adjusted, raw, rules.screen)
