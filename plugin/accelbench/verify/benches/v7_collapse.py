"""V7: trainings that collapse, at the usual rate and at rates that are a regression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from accelbench.verdict.evidence import PAIRED_CODE
from accelbench.verify import draws
from accelbench.verify.bench import Row, Size, Task, lower, met, upper
from accelbench.verify.play import Rules
from accelbench.verify.series import caught_within
from accelbench.verify.worlds import TAILS


@dataclass(frozen=True)
class Aim:
    """A rate of collapse tonight, for so many nights: caught at most or at least so often."""

    rate: float
    nights: int
    most: float = 1.0
    least: float = 0.0


REPEATS = 10
"""One night of one cell is quick: a share near its target is measured the better."""

AIMS = (
    Aim(0.015, 1, most=0.001),
    Aim(0.5, 1),
    Aim(0.5, 4, least=0.75),
    Aim(0.9, 1, least=0.90),
)


def _run(aim: Aim, size: Size, rng: np.random.Generator) -> tuple[Row, ...]:
    count = REPEATS * size.cells if aim.nights == 1 else size.cells
    drawn = replace(draws.accuracies(TAILS, count, 1, rng), collapses=aim.rate)
    caught = int(caught_within(drawn, aim.nights, Rules(PAIRED_CODE), rng).sum())
    share, low, high = caught / count, lower(caught, count), upper(caught, count)
    words = (
        ""
        if aim.most == 1.0 and aim.least == 0.0
        else (f"<= {100 * aim.most:g} %" if aim.least == 0 else f">= {100 * aim.least:g} %")
    )
    when = "in one night" if aim.nights == 1 else f"within {aim.nights} nights"
    return (
        Row(
            "V7",
            f"{100 * aim.rate:g} % of runs collapse: regressed {when}",
            TAILS.name,
            "fresh seeds",
            100 * share,
            "%",
            low=100 * low,
            high=100 * high,
            target=words,
            met=met(
                size,
                reached=aim.least <= share <= aim.most,
                refuted=high < aim.least or low > aim.most,
            )
            if words
            else None,
            count=count,
        ),
    )


TASKS = tuple(Task("V7", f"{aim.rate}, {aim.nights}", partial(_run, aim)) for aim in AIMS)
