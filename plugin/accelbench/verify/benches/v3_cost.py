"""V3: how many runs an unchanged test takes."""

from __future__ import annotations

from functools import partial

import numpy as np

from accelbench.verdict.evidence import PAIRED_CODE, UNPAIRED
from accelbench.verify.bench import Row, Size, Task, met
from accelbench.verify.nights import tally
from accelbench.verify.play import Rules
from accelbench.verify.worlds import DRIFT

LIMITS = {0.10: 1.5, 0.20: 1.9}
GROSS = 1.5
SHARE = 10
"""A mean over 50 metrics needs fewer nights than a rate of alarms."""


def _run(screen: float, size: Size, rng: np.random.Generator) -> tuple[Row, ...]:
    nights = max(20, size.nights // SHARE)
    paired = tally(DRIFT, Rules(PAIRED_CODE, screen), nights, rng)
    alone = tally(DRIFT, Rules(UNPAIRED, screen), nights, rng)
    limit = LIMITS[screen]
    what = f"runs per unchanged test, screen {screen:.2f}"
    accuracy = (paired.accuracy_runs + alone.accuracy_runs) / 2
    return (
        Row(
            "V3",
            f"{what}: accuracy",
            DRIFT.name,
            "fresh seeds",
            accuracy,
            "runs",
            target=f"<= {limit}",
            met=met(size, reached=accuracy <= limit, refuted=accuracy > GROSS * limit),
            count=2 * nights,
        ),
        *(
            Row("V3", f"{what}: throughput", DRIFT.name, judge, runs, "runs", count=nights)
            for judge, runs in (
                (f"{PAIRED_CODE}, short runs", paired.throughput_runs),
                (f"{UNPAIRED}, short runs", alone.throughput_runs),
            )
        ),
    )


TASKS = tuple(Task("V3", f"screen {screen}", partial(_run, screen)) for screen in LIMITS)
