"""How runs made elsewhere are to be judged: what the command line said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from accelbench import metrics
from accelbench.declarations import Cell
from accelbench.levels import ALPHA_NIGHT, SCREEN_LEVEL
from accelbench.verdict import Floor, JudgeOptions
from accelbench.verdict.evidence import UNPAIRED


@dataclass(frozen=True)
class Asked:
    """The options of one judging; what is None or empty is found out from the runs.

    `metrics`: names, in place of what the workload's file gates. `gates`: gated metrics of the
    session. `floors` and `smallest_effects` by metric. `workloads`: the folder of workload files.
    """

    workloads: Path
    metrics: tuple[str, ...] = ()
    screen: float = SCREEN_LEVEL
    alpha_night: float = ALPHA_NIGHT
    gates: int | None = None
    method: str = UNPAIRED
    floors: tuple[tuple[str, Floor], ...] = ()
    smallest_effects: tuple[tuple[str, float], ...] = ()
    chance: float | None = None

    def options(self, metric: str, gates: int, cell: Cell | None = None) -> JudgeOptions:
        """Return the judge's options for a metric; confirming runs can always be made.

        Floors and smallest effects that the command line does not say are the cell's, if known.
        """
        floors = dict(cell.floors if cell else ()) | dict(self.floors)
        effects = dict(cell.smallest_effects if cell else ()) | dict(self.smallest_effects)
        return JudgeOptions(
            gates=self.gates if self.gates is not None else gates,
            screen=self.screen,
            alpha_night=self.alpha_night,
            rerun=True,
            method=self.method,
            chance=self.chance or 0.0,
            smallest_effect=effects.get(metric),
            floor=floors.get(metric),
        )


def floor(text: str) -> tuple[str, Floor]:
    """Return the floor that `METRIC=VALUE[:strict]` says; ValueError."""
    name, value = _pair(text, "METRIC=VALUE[:strict]")
    limit, colon, kind = value.partition(":")
    if colon and kind != "strict":
        raise ValueError(f"{text}: a floor is METRIC=VALUE or METRIC=VALUE:strict")
    return name, Floor(_number(text, limit), strict=kind == "strict")


def smallest_effect(text: str) -> tuple[str, float]:
    """Return the smallest effect that `METRIC=VALUE` says; ValueError."""
    name, value = _pair(text, "METRIC=VALUE")
    effect = _number(text, value)
    if effect <= 0:
        raise ValueError(f"{text}: the smallest effect is above 0, as 0.02 for 2 %")
    return name, effect


def _pair(text: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text}: {form} is expected")
    if name not in metrics.names():
        raise ValueError(f"unknown metric {name!r}; known: {', '.join(metrics.names())}")
    return name, value


def _number(text: str, value: str) -> float:
    try:
        found = float(value)
    except ValueError:
        raise ValueError(f"{text}: {value!r} is not a number") from None
    if found - found != 0:
        raise ValueError(f"{text}: a finite number is expected")
    return found
