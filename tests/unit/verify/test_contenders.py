"""Peers on the same streams: thresholds at equal false alarms, and what they see there."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from accelbench.peers import otava, rule
from accelbench.verdict.evidence import PAIRED_CODE, UNPAIRED
from accelbench.verify import contenders, draws
from accelbench.verify.bench import Size
from accelbench.verify.benches import v9_head_to_head
from accelbench.verify.benches.v2_sensitivity import cells_of
from accelbench.verify.contenders import METRICS, OWN, RICH, Contender, calibrated, detectable
from accelbench.verify.draws import Accuracies, Throughputs
from accelbench.verify.play import Rules, play
from accelbench.verify.worlds import CLEAN, DRIFT, NOISY, TAILS, TREND, TRIALS, World

STUDENT = Contender("student_t", 10)
NIGHTS = 3000


@pytest.mark.parametrize(
    "contender",
    [STUDENT, Contender("fixed_5_percent", 40)],
    ids=lambda contender: contender.label,
)
@pytest.mark.parametrize("world", [CLEAN, DRIFT], ids=lambda world: world.name)
def test_at_the_calibrated_threshold_a_fresh_draw_alarms_on_one_night_in_a_hundred(
    contender: Contender, world: World
) -> None:
    rng = np.random.default_rng(41)
    found = calibrated(contender, "throughput", world, NIGHTS, rng)
    cells = contenders.drawn("throughput", world, NIGHTS, rng)
    peer = rule(contender.rule)
    new, past = (
        contenders.tonight(cells, peer.runs, rng),
        contenders.stored(cells, contender.stored),
    )
    alarms = peer.alarms(new, past, found.threshold).reshape(NIGHTS, METRICS).any(axis=1).sum()
    # 30 are expected, and both the threshold and this draw rest on about 30: four of sqrt(60).
    assert 0 < int(alarms) < 61
    own = peer.alarms(new, past).reshape(NIGHTS, METRICS).any(axis=1).mean()
    error = math.sqrt(2 * found.own_rate * (1 - found.own_rate) / NIGHTS)
    assert abs(float(own) - found.own_rate) < 4 * error + 1e-9


@pytest.mark.parametrize("kind", ["throughput", "accuracy"])
def test_a_stricter_threshold_sees_only_larger_drops(kind: str) -> None:
    def seen(threshold: float) -> float:
        rng = np.random.default_rng(42)
        cells = contenders.drawn(kind, CLEAN, 400, rng, 0.01)
        return detectable(STUDENT, kind, threshold, cells, rng)

    found = [seen(threshold) for threshold in (1.0, 2.0, 3.0, 4.0)]
    assert found == sorted(found)
    assert found[0] < 0.7 * found[-1]
    assert math.isinf(seen(1e9))


def test_the_smallest_drop_is_the_closed_form_where_there_is_one() -> None:
    rng = np.random.default_rng(43)
    cells = contenders.drawn("throughput", CLEAN, 4000, rng, 0.01)
    # One run against the mean of 40: 90 % lie beyond 5 % once the drop is 1.28 sigma beyond it.
    found = detectable(Contender("fixed_5_percent", 40), "throughput", 0.05, cells, rng)
    sigma = 0.01 * math.sqrt(1 + 1 / 40)
    expected = 1 - math.exp(math.log(0.95) - 1.2816 * sigma)
    assert found == pytest.approx(expected, rel=0.03)


def test_peers_get_the_newest_stored_runs_and_as_many_new_ones_as_they_look_at() -> None:
    rng = np.random.default_rng(44)
    cells = contenders.drawn("throughput", DRIFT, 3, rng)
    assert isinstance(cells, Throughputs)
    assert (contenders.stored(cells, 1)[:, 0] == np.exp(cells.stored[:, -1])).all()
    assert contenders.stored(cells, 40).shape == (75, 40)
    assert contenders.tonight(cells, 5, rng).shape == (75, 5)


@pytest.mark.parametrize("world", [CLEAN, DRIFT, NOISY, TREND, TAILS], ids=lambda w: w.name)
def test_peers_see_throughputs_of_the_same_distribution_as_the_judge(
    world: World,
) -> None:
    rng = np.random.default_rng(45)
    drawn = draws.nights(world, 300, rng)
    cells = replace(draws.throughputs(world, drawn, 10, rng, sigma=0.02), drop=0.1)
    theirs = np.log(contenders.tonight(cells, 1, rng)[:, 0])
    ours = np.log([cells.run(i, "new", 0, rng).reading.value for i in range(3000)])
    for share in (0.05, 0.5, 0.95):
        one, other = np.quantile(theirs, share), np.quantile(ours, share)
        assert abs(one - other) < 0.01
    # The cells' own night is common to both; what is left are two runs' noises.
    left = (theirs - ours) / math.sqrt(2)
    kept = left[np.abs(left) < 0.08 * world.noise]
    assert abs(float(kept.std()) / (0.02 * world.noise) - 1) < 0.1


def test_peers_see_accuracies_of_the_same_distribution_as_the_judge() -> None:
    rng = np.random.default_rng(46)
    cells = replace(draws.accuracies(TAILS, 300, 10, rng), drop=2.0)
    theirs = contenders.tonight(cells, 1, rng)[:, 0]
    ours = np.array([cells.run(i, "fresh", 0, rng).reading.value for i in range(3000)])
    for values in (theirs, ours):
        healthy = values > 0.7
        assert abs(float(healthy.mean()) - 0.985) < 4 * math.sqrt(0.015 / 3000)
        scores = (values - cells.level)[healthy] / cells.sigma[healthy]
        assert abs(float(scores.mean()) + 2) < 0.1
        assert abs(float(scores.std()) - 1) < 0.1
    assert (contenders.stored(cells, 40) == cells.correct / TRIALS).all()
    assert isinstance(cells, Accuracies)


def test_every_peer_rule_stands_in_the_comparison() -> None:
    from accelbench import peers

    assert {contender.rule for contender in OWN} == set(peers.names())
    assert {contender.stored for contender in RICH} == {40}


def test_without_otava_its_row_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "otava.analysis", None)
    row = v9_head_to_head._peer(
        Contender("otava", 40), "throughput", CLEAN, Size("tiny", 1, 1), np.random.default_rng(1)
    )
    assert math.isnan(row.value)
    assert row.note == otava.MISSING
    assert "\n" not in row.note
    assert row.judge == "otava: 1 new, 40 stored"


@pytest.mark.parametrize("world", [DRIFT, NOISY], ids=lambda world: world.name)
@pytest.mark.parametrize("screen", [0.1, v9_head_to_head.WIDE])
@pytest.mark.parametrize("method", [PAIRED_CODE, UNPAIRED, "fresh seeds"])
def test_our_curves_are_measured_around_their_ninety_percent_point(
    world: World, screen: float, method: str
) -> None:
    rng = np.random.default_rng(47)
    kind = "accuracy" if method == "fresh seeds" else "throughput"
    rules = Rules(PAIRED_CODE if kind == "accuracy" else method, screen)
    near = v9_head_to_head._near(method, screen, world)
    low, high = (
        play(cells_of(kind, world, 80, share * near, rng), rules, rng).regressed.mean()
        for share in (0.6, 1.5)
    )
    assert low < 0.9 < high
