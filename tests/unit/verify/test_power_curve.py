"""The drop at 90 % power, from curves whose answer is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import norm

from accelbench.verify.power_curve import Curve, curve

MIDDLE, WIDTH = 2.0, 0.6
ANSWER = MIDDLE + float(norm.ppf(0.9)) * WIDTH


def ogive(changes: Sequence[float]) -> list[float]:
    return [float(norm.cdf((change - MIDDLE) / WIDTH)) for change in changes]


@pytest.mark.parametrize("changes", [(2.2, 2.5, 2.8, 3.0), (1.5, 2.0, 2.5), (2.0, 3.5)])
def test_the_ninety_percent_point_of_a_normal_ogive_is_found(changes: tuple[float, ...]) -> None:
    count = 10**7
    caught = tuple(round(share * count) for share in ogive(changes))
    assert Curve(changes, caught, count).detectable == pytest.approx(ANSWER, rel=1e-4)


def test_from_two_thousand_cells_a_point_it_is_found_without_bias() -> None:
    rng = np.random.default_rng(1)
    changes = [share * 2.8 for share in (0.8, 0.9, 1.0, 1.1)]
    found = []
    for _ in range(100):

        def caught(change: float) -> list[bool]:
            return list(rng.random(2000) < norm.cdf((change - MIDDLE) / WIDTH))

        found.append(curve(caught, changes).detectable)
    spread = float(np.std(found, ddof=1))
    assert spread < 0.02 * ANSWER
    assert abs(float(np.mean(found)) - ANSWER) < 4 * spread / math.sqrt(100)


def test_a_curve_counts_what_was_caught_at_each_change() -> None:
    asked: list[float] = []

    def caught(change: float) -> list[bool]:
        asked.append(change)
        return [True] * round(10 * change) + [False] * round(10 - 10 * change)

    assert curve(caught, [0.2, 0.7]) == Curve((0.2, 0.7), (2, 7), 10)
    assert asked == [0.2, 0.7]


def test_a_curve_that_falls_has_no_answer() -> None:
    assert math.isnan(Curve((1.0, 2.0, 3.0), (900, 800, 700), 1000).detectable)


@pytest.mark.parametrize("factor", [0.2, 3.0])
def test_points_far_from_the_answer_give_none(factor: float) -> None:
    changes = tuple(factor * share * ANSWER for share in (0.8, 0.9, 1.0, 1.1))
    caught = tuple(round(share * 500) for share in ogive(changes))
    assert math.isnan(Curve(changes, caught, 500).detectable)
