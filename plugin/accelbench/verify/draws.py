"""Draws the runs of a world: stored ones for many cells at once, tonight's one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accelbench.records import Reading
from accelbench.verdict import Point
from accelbench.verdict.control import control_line
from accelbench.verdict.evidence import BASE, FRESH, SCREEN, SECOND_UNIT
from accelbench.verify.worlds import (
    COLLAPSED,
    CONTROL_RUNS,
    CONTROL_SIGMA,
    OUTLIER_DROP,
    SENSITIVITY,
    TRIALS,
    TRUE_SD,
    UNITS,
    World,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AUTOCORRELATION = 0.9
REFERENCE_SESSIONS = 3
SHORT_RUN = 0.002
"""The share of a night that a confirming run takes: it measures the steady state alone."""


@dataclass(frozen=True)
class Nights:
    """What the machine does: one row a night, one column a session, tonight's last.

    `machine` (nights, sessions + 1): the shared log speed. `units`: which unit each ran on.
    `controls`: log throughput of the control workload in each stored session; tonight's runs of it
    are `control_values` at `control_times`.
    """

    machine: Floats
    units: Ints
    unit_effects: Floats
    controls: Floats
    control_times: Floats
    control_values: Floats


def columns(world: World) -> tuple[tuple[str, ...], Ints]:
    """Return the session's name of each stored run, and each run's session number (runs,)."""
    sessions = min(REFERENCE_SESSIONS, world.reference)
    numbers = [i % sessions for i in range(world.reference)]
    numbers = sorted(numbers) + [sessions + i for i in range(world.history)]
    return tuple(f"{n:03}" for n in numbers), np.array(numbers)


def nights(world: World, count: int, rng: np.random.Generator) -> Nights:
    """Draw what the machine does in so many independent nights with the sessions before each."""
    sessions = int(columns(world)[1].max()) + 1
    drift = np.empty((count, sessions + 1))
    drift[:, 0] = rng.normal(0, 1, count)
    innovation = math.sqrt(1 - AUTOCORRELATION**2)
    for session in range(1, sessions + 1):
        drift[:, session] = AUTOCORRELATION * drift[:, session - 1] + innovation * rng.normal(
            0, 1, count
        )
    units = rng.integers(UNITS if world.units is not None else 1, size=(count, sessions + 1))
    effects = rng.normal(0, world.units or 0.0, (count, UNITS))
    machine = world.drift * drift + np.take_along_axis(effects, units, axis=1)
    stored_noise = rng.normal(0, CONTROL_SIGMA, (count, sessions, CONTROL_RUNS))
    stored_noise += outliers(world, stored_noise.shape, rng)
    controls = machine[:, :sessions] + np.median(stored_noise, axis=2)
    times = np.broadcast_to(np.linspace(0, 1, CONTROL_RUNS), (count, CONTROL_RUNS))
    noise = rng.normal(0, CONTROL_SIGMA * world.noise, (count, CONTROL_RUNS))
    values = machine[:, -1:] - world.trend * times + noise + outliers(world, noise.shape, rng)
    return Nights(machine, units, effects, controls, times, values)


def outliers(world: World, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw what outliers take off the logarithms of so many runs: 0 for nearly all."""
    drops = np.log1p(-rng.uniform(*OUTLIER_DROP, shape))
    return np.where(rng.random(shape) < world.outliers, drops, 0.0)


def _outlier(world: World, rng: np.random.Generator) -> float:
    """Draw what an outlier takes off the logarithm of one run."""
    return math.log1p(-rng.uniform(*OUTLIER_DROP)) if rng.random() < world.outliers else 0.0


@dataclass(frozen=True)
class Throughputs:
    """Throughput cells (n,), several a night; logarithms throughout.

    `effect`: each test's own effect of tonight. `place`: when tonight it runs (0 to 1).
    """

    world: World
    nights: Nights
    night: Ints
    sigma: Floats
    sensitivity: Floats
    effect: Floats
    place: Floats
    stored: Floats
    controls: Floats
    drop: float = 0.0

    @cached_property
    def _lines(self) -> Floats:
        """Intercept and slope of the control through each night (nights, 2)."""
        pairs = zip(self.nights.control_times, self.nights.control_values, strict=True)
        return np.array([control_line(list(t), list(np.exp(v))) for t, v in pairs], dtype=float)

    def _control_around(self, cell: int, place: float) -> float:
        """Return the control's throughput at a run of tonight, from its runs around the cells."""
        intercept, slope = self._lines[self.night[cell]]
        return math.exp(intercept + slope * place)

    def _control_beside(self, machine: float, place: float, rng: np.random.Generator) -> float:
        """Draw the log throughput of a control run right beside a confirming run."""
        world = self.world
        value = machine - world.trend * place + rng.normal(0, CONTROL_SIGMA * world.noise)
        value += _outlier(world, rng)
        return float(value)

    def run(self, cell: int, role: str, number: int, rng: np.random.Generator) -> Point:
        """Draw a run of tonight; `number` counts the cell's confirming runs.

        Confirming runs that are not paired have a control run each beside them.
        """
        world, row = self.world, self.night[cell]
        place = self.place[cell] + SHORT_RUN * number
        machine = self.nights.machine[row, -1]
        unit = int(self.nights.units[row, -1])
        if role == SECOND_UNIT:
            other = (unit + 1) % UNITS
            machine += self.nights.unit_effects[row, other] - self.nights.unit_effects[row, unit]
            unit = other
        value = self.sensitivity[cell] * (machine - world.trend * place) + self.effect[cell]
        value += rng.normal(0, self.sigma[cell] * world.noise)
        value += _outlier(world, rng)
        if role != BASE:
            value += math.log1p(-self.drop)
        control = None
        if role == SCREEN:
            control = self._control_around(cell, place)
        elif role in {FRESH, SECOND_UNIT}:
            control = math.exp(self._control_beside(machine, place, rng))
        return Point(Reading(math.exp(value)), "tonight", "999", _unit(world, unit), control, role)

    def stored_points(self, cell: int) -> tuple[Point, ...]:
        """Return the stored runs of a cell."""
        names, numbers = columns(self.world)
        units = self.nights.units[self.night[cell]]
        return tuple(
            Point(
                Reading(math.exp(value)),
                name,
                name,
                _unit(self.world, int(units[number])),
                math.exp(control),
            )
            for value, control, name, number in zip(
                self.stored[cell], self.controls[cell], names, numbers, strict=True
            )
        )


def _unit(world: World, number: int) -> str:
    return "" if world.units is None else f"unit-{number}"


def throughputs(
    world: World, drawn: Nights, cells: int, rng: np.random.Generator, sigma: float | None = None
) -> Throughputs:
    """Draw so many throughput cells a night; `sigma`: of all of them, else log-uniform."""
    _, numbers = columns(world)
    night = np.repeat(np.arange(len(drawn.machine)), cells)
    count = len(night)
    low, high = (math.log(each) for each in world.sigmas)
    sigmas = np.exp(rng.uniform(low, high, count)) if sigma is None else np.full(count, sigma)
    sensitivity = rng.uniform(*SENSITIVITY, count)
    effects = rng.normal(0, world.night, (count, drawn.machine.shape[1]))
    machine = drawn.machine[night][:, numbers]
    stored = sensitivity[:, None] * machine + effects[:, numbers]
    stored += sigmas[:, None] * rng.normal(0, 1, stored.shape)
    stored += outliers(world, stored.shape, rng)
    return Throughputs(
        world,
        drawn,
        night,
        sigmas,
        sensitivity,
        effects[:, -1],
        rng.random(count),
        stored,
        drawn.controls[night][:, numbers],
    )


@dataclass(frozen=True)
class Accuracies:
    """Accuracy cells (n,): `correct` answers of each stored run (n, runs) of `TRIALS`.

    `drop` in each cell's own run-to-run standard deviations; `collapses` is tonight's rate.
    """

    world: World
    night: Ints
    level: Floats
    true_sd: Floats
    correct: Ints
    drop: float = 0.0
    collapses: float = 0.0

    @property
    def sigma(self) -> Floats:
        """The run-to-run standard deviation of an accuracy (n,), test set included."""
        return _sigma(self.level, self.true_sd)

    def run(self, cell: int, role: str, _number: int, rng: np.random.Generator) -> Point:
        """Draw a run of tonight."""
        share = self.level[cell] - self.drop * self.sigma[cell]
        share += rng.normal(0, self.true_sd[cell])
        if rng.random() < self.collapses:
            share = rng.uniform(*COLLAPSED)
        correct = int(rng.binomial(TRIALS, min(1.0, max(0.0, share))))
        return Point(Reading(correct / TRIALS, trials=TRIALS), "tonight", "999", role=role)

    def stored_points(self, cell: int) -> tuple[Point, ...]:
        """Return the stored runs of a cell."""
        names, _ = columns(self.world)
        return tuple(
            Point(Reading(int(correct) / TRIALS, trials=TRIALS), name, name)
            for correct, name in zip(self.correct[cell], names, strict=True)
        )


def _sigma(level: Floats, true_sd: Floats) -> Floats:
    return np.asarray(np.sqrt(true_sd**2 + level * (1 - level) / TRIALS))


def accuracies(world: World, count: int, cells: int, rng: np.random.Generator) -> Accuracies:
    """Draw so many accuracy cells for each of `count` nights."""
    night = np.repeat(np.arange(count), cells)
    level = rng.uniform(0.90, 0.99, len(night))
    true_sd = rng.uniform(*TRUE_SD, len(night))
    runs = world.reference + world.history
    shares = level[:, None] + true_sd[:, None] * rng.normal(0, 1, (len(night), runs))
    fell = rng.random(shares.shape) < world.collapses
    shares = np.where(fell, rng.uniform(*COLLAPSED, shares.shape), np.clip(shares, 0, 1))
    correct = rng.binomial(TRIALS, shares)
    return Accuracies(world, night, level, true_sd, correct, collapses=world.collapses)
