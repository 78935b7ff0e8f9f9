"""The figure: how often each rule cries wolf, and what it sees when all do so equally rarely."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from accelbench.levels import SCREEN_LEVEL
from accelbench.verify.bench import Row

WORLD = "drift"
MISSING = "matplotlib is not installed: pip install pytest-accelbench[figures]"
NONE_SEEN = 100.0
"""Where a bar ends that stands for no drop at all."""


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write the figure as SVG; ImportError in one line where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(MISSING) from None
    shown = [
        row
        for row in rows
        if row.bench == "V9"
        and row.world == WORLD
        and "through" in row.what
        and not math.isnan(row.value)  # not run: nothing is known of it, least of all zero
    ]
    figure = Figure(figsize=(10, 5), layout="constrained")
    alarms, drops = figure.subplots(1, 2, sharey=True)
    places = range(len(shown))
    colours = ["#1f6f4a" if row.judge.startswith("accelbench") else "#999999" for row in shown]
    rates = [_own_rate(row, rows) for row in shown]
    alarms.barh(places, [100 * rate for rate in rates], color=colours)
    alarms.set_yticks(places, [row.judge for row in shown])
    alarms.set_xlabel("nights with a false alarm, % (own threshold)")
    alarms.invert_yaxis()
    seen = [row.value if math.isfinite(row.value) else NONE_SEEN for row in shown]
    drops.barh(places, seen, color=colours)
    drops.set_xscale("log")
    drops.set_xlabel("smallest throughput drop, %\n(90 % power, all at 1 % of nights)")
    figure.suptitle("A machine that drifts by 2 %, 25 throughput metrics of 1 to 5 % noise")
    figure.savefig(path, format="svg", metadata={"Date": None})


def _own_rate(row: Row, rows: Sequence[Row]) -> float:
    """Return how often a rule alarms by itself: peers note it, ours is V1's; NaN if unknown.

    V1 plays the default screen alone: another one has no bar.
    """
    match = re.search(r"threshold ([\d.e+-]+) %", row.note)
    if match:
        return float(match.group(1)) / 100
    own = [
        r
        for r in rows
        if r.bench == "V1"
        and r.world == WORLD
        and row.judge == f"accelbench, {r.judge}, screen {SCREEN_LEVEL:g}"
    ]
    return own[0].value / 100 if own else math.nan
