"""Several nights in a row: what was not caught is stored before the next one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from accelbench.verdict.evidence import PAIRED_CODE
from accelbench.verify import draws, series
from accelbench.verify.draws import Accuracies, Throughputs
from accelbench.verify.play import Cells, Played, Rules, play
from accelbench.verify.series import caught_within
from accelbench.verify.worlds import CLEAN, DRIFT, TRIALS

RULES = Rules(PAIRED_CODE)
CELLS = 60


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Cells, Played]]:
    """The cells of each night and what came of them, as they are played."""
    nights: list[tuple[Cells, Played]] = []

    def noted(cells: Cells, rules: Rules, rng: np.random.Generator) -> Played:
        nights.append((cells, play(cells, rules, rng)))
        return nights[-1][1]

    monkeypatch.setattr(series, "play", noted)
    return nights


def speed(drop: float) -> Throughputs:
    rng = np.random.default_rng(31)
    drawn = draws.nights(DRIFT, CELLS, rng)
    return replace(draws.throughputs(DRIFT, drawn, 1, rng, sigma=0.01), drop=drop)


def right(drop: float) -> Accuracies:
    return replace(draws.accuracies(CLEAN, CELLS, 1, np.random.default_rng(32)), drop=drop)


def test_tonights_throughput_and_control_are_stored_before_the_next_night(
    seen: list[tuple[Cells, Played]],
) -> None:
    caught_within(speed(0.02), 3, RULES, np.random.default_rng(33))
    assert len(seen) == 3
    for (before, played), (after, _) in pairwise(seen):
        assert isinstance(before, Throughputs)
        assert isinstance(after, Throughputs)
        assert after.world == replace(before.world, history=before.world.history + 1)
        assert (after.stored[:, :-1] == before.stored).all()
        assert np.exp(after.stored[:, -1]) == pytest.approx(
            [p.reading.value for p in played.firsts]
        )
        assert np.exp(after.controls[:, -1]) == pytest.approx([p.control for p in played.firsts])
        points = after.stored_points(7)
        assert len(points) == after.stored.shape[1]
        assert points[-1].reading.value == pytest.approx(played.firsts[7].reading.value)
        assert len({p.session for p in points}) == 3 + after.world.history


def test_tonights_accuracy_is_stored_before_the_next_night(
    seen: list[tuple[Cells, Played]],
) -> None:
    caught_within(right(1.0), 2, RULES, np.random.default_rng(34))
    (before, played), (after, _) = seen
    assert isinstance(before, Accuracies)
    assert isinstance(after, Accuracies)
    assert after.world.history == before.world.history + 1
    assert (after.correct[:, :-1] == before.correct).all()
    assert after.correct[:, -1] / TRIALS == pytest.approx([p.reading.value for p in played.firsts])


def test_the_next_night_is_drawn_anew_and_the_machine_drifts_on(
    seen: list[tuple[Cells, Played]],
) -> None:
    caught_within(speed(0.02), 2, RULES, np.random.default_rng(35))
    (before, _), (after, _) = seen
    assert isinstance(before, Throughputs)
    assert isinstance(after, Throughputs)
    assert (after.effect != before.effect).all()
    assert (after.place != before.place).all()
    assert (after.nights.control_values != before.nights.control_values).all()
    assert (after.nights.machine[:, :-1] == before.nights.machine).all()
    tonight, last = after.nights.machine[:, -1], before.nights.machine[:, -1]
    rest = (tonight - 0.9 * last) / DRIFT.drift
    # Four standard errors of a spread of sqrt(1 - 0.9^2), from so many nights.
    assert abs(float(rest.std()) - 0.436) < 4 * 0.436 / (2 * CELLS) ** 0.5
    assert after.drop == before.drop


def test_what_is_caught_on_any_night_counts_and_one_night_is_plain_play(
    seen: list[tuple[Cells, Played]],
) -> None:
    found = caught_within(speed(0.025), 3, RULES, np.random.default_rng(36))
    nights = [played.regressed for _, played in seen]
    assert (found == (nights[0] | nights[1] | nights[2])).all()
    assert nights[0].sum() < found.sum() < CELLS
    one = caught_within(speed(0.025), 1, RULES, np.random.default_rng(36))
    assert (one == nights[0]).all()


def test_the_rate_of_collapse_stays_tonights_on_later_nights(
    seen: list[tuple[Cells, Played]],
) -> None:
    caught_within(replace(right(0.0), collapses=0.5), 3, RULES, np.random.default_rng(37))
    for cells, played in seen:
        assert isinstance(cells, Accuracies)
        assert cells.collapses == 0.5
        low = np.mean([p.reading.value < 0.65 for p in played.firsts])
        assert abs(low - 0.5) < 4 * 0.5 / CELLS**0.5


def test_the_controls_of_later_nights_have_outliers_too(
    seen: list[tuple[Cells, Played]],
) -> None:
    rng = np.random.default_rng(38)
    world = replace(CLEAN, outliers=0.5)
    cells = draws.throughputs(world, draws.nights(world, CELLS, rng), 1, rng, sigma=0.01)
    caught_within(cells, 2, RULES, rng)
    for night, _ in seen:
        assert isinstance(night, Throughputs)
        slow = night.nights.control_values < -0.08
        assert abs(float(slow.mean()) - 0.5) < 4 * 0.5 / slow.size**0.5
