"""Drawn nights hold what their world says: shapes, spreads, rates, and a control that follows.

Every tolerance is four standard errors of what is estimated, so that another seed would pass too.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from accelbench.verdict.evidence import BASE, FRESH, NEW, SCREEN, SECOND_UNIT
from accelbench.verify import draws, worlds
from accelbench.verify.draws import Accuracies, Floats, Throughputs
from accelbench.verify.worlds import CLEAN, CONTROL_SIGMA, DRIFT, TAILS, TREND, UNITS_1, World

ERRORS = 4.0


def near(found: float, expected: float, error: float) -> bool:
    """Tell whether an estimate lies within four of its standard errors."""
    return abs(found - expected) < ERRORS * error


def drawn(
    world: World, nights: int = 40, cells: int = 25, sigma: float | None = None
) -> Throughputs:
    rng = np.random.default_rng(11)
    machine = draws.nights(world, nights, rng)
    return draws.throughputs(world, machine, cells, rng, sigma)


def ran(cells: Throughputs, role: str, seed: int = 12) -> Floats:
    """Return the log throughput of one run of each cell; runs of equal seeds differ in nothing."""
    rng = np.random.default_rng(seed)
    return np.log([cells.run(i, role, 0, rng).reading.value for i in range(len(cells.night))])


@pytest.mark.parametrize("world", worlds.WORLDS, ids=lambda world: world.name)
def test_every_world_has_its_stored_runs_in_three_sessions_and_then_nights(world: World) -> None:
    runs = world.reference + world.history
    cells = drawn(world, nights=4, cells=3, sigma=0.02)
    assert cells.stored.shape == cells.controls.shape == (12, runs)
    assert cells.nights.machine.shape == (4, 3 + world.history + 1)
    points = cells.stored_points(5)
    assert len(points) == runs
    assert len({p.session for p in points[: world.reference]}) == 3
    assert len({p.session for p in points}) == 3 + world.history
    assert [p.time for p in points] == sorted(p.time for p in points)
    assert np.log([p.reading.value for p in points]) == pytest.approx(cells.stored[5])
    right = draws.accuracies(world, 4, 3, np.random.default_rng(1))
    assert right.correct.shape == (12, runs)
    assert [p.reading.value * worlds.TRIALS for p in right.stored_points(7)] == pytest.approx(
        list(right.correct[7])
    )


def test_stored_and_tonights_runs_scatter_by_sigma() -> None:
    cells = drawn(CLEAN, sigma=0.02)
    count = cells.stored.size
    assert near(float(cells.stored.std()), 0.02, 0.02 / math.sqrt(2 * count))
    tonight = ran(cells, SCREEN)
    assert near(float(tonight.std()), 0.02, 0.02 / math.sqrt(2 * len(tonight)))


def test_sigmas_are_log_uniform_between_one_and_five_percent() -> None:
    logs = np.log(drawn(CLEAN, nights=100).sigma)
    low, high = (math.log(each) for each in worlds.SIGMAS)
    assert low <= logs.min() < logs.max() <= high
    spread = (high - low) / math.sqrt(12)
    assert near(float(logs.mean()), (low + high) / 2, spread / math.sqrt(len(logs)))
    assert near(float(logs.var()), spread**2, spread**2 * math.sqrt(0.8 / len(logs)))


def test_a_noisy_night_doubles_tonights_scatter_and_not_the_stored_one() -> None:
    cells = drawn(replace(CLEAN, noise=2.0), nights=100, sigma=0.02)
    count = len(cells.night)
    assert near(float(ran(cells, NEW).std()), 0.04, 0.04 / math.sqrt(2 * count))
    assert near(float(cells.stored.std()), 0.02, 0.02 / math.sqrt(2 * cells.stored.size))


def test_tests_have_their_own_effect_of_a_night_shared_by_its_runs() -> None:
    cells = drawn(replace(CLEAN, night=0.005), nights=100, sigma=1e-6)
    nights = cells.stored[:, -cells.world.history :]
    assert near(float(nights.std()), 0.005, 0.005 / math.sqrt(2 * nights.size))
    one, other = ran(cells, NEW, seed=1), ran(cells, BASE, seed=2)
    assert near(float(one.std()), 0.005, 0.005 / math.sqrt(2 * len(one)))
    assert np.abs(one - other).max() < 1e-5


@pytest.mark.parametrize(
    ("role", "moves"),
    [(NEW, True), (FRESH, True), (SCREEN, True), (SECOND_UNIT, True), (BASE, False)],
)
def test_a_drop_slows_what_is_under_test_and_never_its_base(role: str, *, moves: bool) -> None:
    cells = drawn(UNITS_1, nights=4)
    change = ran(replace(cells, drop=0.1), role) - ran(cells, role)
    assert change == pytest.approx(math.log(0.9) if moves else 0.0, abs=1e-12)
    assert (replace(cells, drop=0.1).stored == cells.stored).all()


def test_one_run_in_fifty_is_an_outlier_of_ten_to_thirty_percent() -> None:
    cells = drawn(TAILS, nights=100, sigma=1e-5)
    for values in (cells.stored, ran(cells, SCREEN)):
        slow = values < -1e-3
        count = values.size
        assert near(float(slow.mean()), TAILS.outliers, math.sqrt(0.02 * 0.98 / count))
        dropped = 1 - np.exp(values[slow])
        assert dropped.min() > 0.0999
        assert dropped.max() < 0.3001
        assert near(float(dropped.mean()), 0.2, 0.2 / math.sqrt(12 * slow.sum()))


def test_trainings_collapse_at_the_worlds_rate_or_at_tonights() -> None:
    cells = draws.accuracies(TAILS, 200, 25, np.random.default_rng(3))
    fell = cells.correct < 0.65 * worlds.TRIALS
    assert near(float(fell.mean()), 0.015, math.sqrt(0.015 * 0.985 / fell.size))
    assert not (draws.accuracies(CLEAN, 50, 25, np.random.default_rng(3)).correct < 8500).any()
    rng = np.random.default_rng(4)
    tonight = replace(cells, collapses=0.5)
    low = [tonight.run(i, FRESH, 0, rng).reading.value < 0.65 for i in range(len(cells.night))]
    assert near(float(np.mean(low)), 0.5, 0.5 / math.sqrt(len(low)))


def test_an_accuracy_drops_by_so_many_of_its_own_standard_deviations() -> None:
    cells = draws.accuracies(CLEAN, 200, 25, np.random.default_rng(5))
    scores = {}
    for drop in (0.0, 3.0):
        rng = np.random.default_rng(6)
        moved = replace(cells, drop=drop)
        values = np.array(
            [moved.run(i, SCREEN, 0, rng).reading.value for i in range(len(cells.night))]
        )
        scores[drop] = (values - cells.level) / cells.sigma
    error = 1 / math.sqrt(len(cells.night))
    assert near(float(scores[0.0].mean()), 0.0, error)
    assert near(float(scores[3.0].mean()), -3.0, 1.1 * error)
    assert near(float(scores[0.0].std()), 1.0, error / math.sqrt(2))
    stored = (cells.correct / worlds.TRIALS - cells.level[:, None]) / cells.sigma[:, None]
    assert near(float(stored.std()), 1.0, 1 / math.sqrt(2 * stored.size))


def test_the_machine_drifts_from_night_to_night_with_autocorrelation_nine_tenths() -> None:
    machine = draws.nights(DRIFT, 3000, np.random.default_rng(7)).machine / DRIFT.drift
    error = 1 / math.sqrt(3000)
    for lag in (1, 2, 10):
        for column in (0, 20):
            found = float(np.corrcoef(machine[:, column], machine[:, column + lag])[0, 1])
            expected = 0.9**lag
            assert near(found, expected, (1 - expected**2) * error)
    for column in (0, -1):
        assert near(float(machine[:, column].std()), 1.0, error / math.sqrt(2))


def test_each_night_is_a_machine_of_its_own() -> None:
    machine = draws.nights(DRIFT, 3000, np.random.default_rng(7)).machine[:, -1]
    found = float(np.corrcoef(machine[1:], machine[:-1])[0, 1])
    assert near(found, 0.0, 1 / math.sqrt(len(machine)))


def test_tests_follow_the_machine_by_six_to_fourteen_tenths() -> None:
    cells = drawn(replace(CLEAN, drift=0.02), nights=40, sigma=1e-6)
    machine = cells.nights.machine[cells.night][:, draws.columns(cells.world)[1]]
    slopes = (cells.stored * machine).sum(axis=1) / (machine**2).sum(axis=1)
    assert slopes == pytest.approx(cells.sensitivity, abs=1e-3)
    assert slopes.min() >= 0.599
    assert slopes.max() <= 1.401
    assert near(float(slopes.mean()), 1.0, 0.8 / math.sqrt(12 * len(slopes)))


def test_the_stored_control_follows_the_machine_one_to_one() -> None:
    night = draws.nights(DRIFT, 500, np.random.default_rng(8))
    stored = night.machine[:, :-1]
    slope = float((night.controls * stored).sum() / (stored**2).sum())
    assert near(slope, 1.0, CONTROL_SIGMA / math.sqrt(float((stored**2).sum())))
    assert abs(float((night.controls - stored).mean())) < CONTROL_SIGMA / 10
    assert float((night.controls - stored).std()) < CONTROL_SIGMA


def test_tonights_control_follows_the_machine_and_its_trend_to_the_time_of_the_run() -> None:
    cells = drawn(TREND, nights=100, cells=3)
    rng = np.random.default_rng(9)
    points = [cells.run(i, SCREEN, 0, rng) for i in range(len(cells.night))]
    controls = np.log([p.control or math.nan for p in points])
    expected = cells.nights.machine[cells.night, -1] - TREND.trend * cells.place
    assert np.abs(controls - expected).max() < 5 * CONTROL_SIGMA
    assert np.corrcoef(controls - cells.nights.machine[cells.night, -1], cells.place)[0, 1] < -0.7


@pytest.mark.parametrize(
    ("role", "beside"), [(FRESH, True), (SECOND_UNIT, True), (NEW, False), (BASE, False)]
)
def test_only_runs_that_are_not_paired_have_a_control_beside_them(
    role: str, *, beside: bool
) -> None:
    cells = drawn(UNITS_1, nights=2)
    control = cells.run(0, role, 0, np.random.default_rng(1)).control
    assert (control is not None) is beside


def test_a_trend_slows_the_runs_at_the_end_of_the_night() -> None:
    cells = replace(drawn(replace(CLEAN, trend=0.02), sigma=1e-6), drop=0.0)
    first = ran(replace(cells, place=np.zeros(len(cells.night))), NEW)
    last = ran(replace(cells, place=np.ones(len(cells.night))), NEW)
    assert last - first == pytest.approx(-0.02 * cells.sensitivity, abs=1e-4)


def test_sessions_run_on_units_that_differ_and_a_second_unit_is_another() -> None:
    world = replace(CLEAN, units=0.01)
    cells = drawn(world, nights=300, cells=1, sigma=1e-9)
    effects = cells.nights.unit_effects
    assert near(float(effects.std()), 0.01, 0.01 / math.sqrt(2 * effects.size))
    names = {p.unit for i in range(20) for p in cells.stored_points(i)}
    assert names == {f"unit-{n}" for n in range(worlds.UNITS)}
    rng = np.random.default_rng(2)
    for cell in range(20):
        one, other = (cells.run(cell, role, 0, rng) for role in (FRESH, SECOND_UNIT))
        numbers = [int(each.unit.removeprefix("unit-")) for each in (one, other)]
        assert numbers[0] != numbers[1]
        ratio = math.log(other.reading.value / one.reading.value)
        step = effects[cell, numbers[1]] - effects[cell, numbers[0]]
        assert ratio == pytest.approx(cells.sensitivity[cell] * step, abs=1e-7)


def test_a_world_of_one_unit_names_none() -> None:
    assert {p.unit for p in drawn(DRIFT, nights=1, cells=1).stored_points(0)} == {""}


def test_equal_seeds_draw_equal_nights_and_others_do_not() -> None:
    def stored(seed: int) -> tuple[Floats, Accuracies]:
        rng = np.random.default_rng(seed)
        speed = draws.throughputs(DRIFT, draws.nights(DRIFT, 2, rng), 3, rng)
        return speed.stored, draws.accuracies(DRIFT, 2, 3, rng)

    assert (stored(1)[0] == stored(1)[0]).all()
    assert (stored(1)[1].correct == stored(1)[1].correct).all()
    assert (stored(1)[0] != stored(2)[0]).any()
