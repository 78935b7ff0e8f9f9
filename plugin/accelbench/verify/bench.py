"""What a bench is, and what it yields."""

from __future__ import annotations

import importlib
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Row:
    """One measured figure: `low`, `high` are its one-sided 95 % bounds, `target` in words.

    `met`: whether the target is reached; None where there is none. `note` says more.
    """

    bench: str
    what: str
    world: str
    judge: str
    value: float
    unit: str
    low: float = math.nan
    high: float = math.nan
    target: str = ""
    met: bool | None = None
    count: int = 0
    note: str = ""


@dataclass(frozen=True)
class Size:
    """How much is simulated: whole `nights`, and single `cells` per point of a power curve."""

    name: str
    nights: int
    cells: int


QUICK = Size("quick", nights=50, cells=80)
FULL = Size("full", nights=5000, cells=1000)


@dataclass(frozen=True)
class Task:
    """A part of a bench that can run alone; `run` gives its rows, seeded by the task's name."""

    bench: str
    name: str
    run: Callable[[Size, np.random.Generator], tuple[Row, ...]]

    def rows(self, size: Size, seed: int) -> tuple[Row, ...]:
        """Return the rows of this task, the same for equal sizes and seeds."""
        label = f"{self.bench}/{self.name}/{size.name}".encode()
        return self.run(size, np.random.default_rng([seed, zlib.crc32(label)]))


@cache
def benches() -> tuple[str, ...]:
    """Return the names of all benches: the files of the folder beside this one."""
    files = (Path(__file__).parent / "benches").glob("v*.py")
    return tuple(sorted(file.stem for file in files))


def tasks(names: tuple[str, ...] = ()) -> Iterator[Task]:
    """Yield the tasks of some benches, or of all, in order."""
    for name in names or benches():
        yield from importlib.import_module(f"accelbench.verify.benches.{name}").TASKS


def met(size: Size, *, reached: bool, refuted: bool) -> bool | None:
    """Return whether a target is met; a small size can only refute it, and else says nothing."""
    if size.name == FULL.name:
        return reached
    return False if refuted else None


def upper(hits: int, count: int) -> float:
    """Return the upper 95 % bound of a share (Clopper and Pearson, one-sided)."""
    from scipy.stats import binomtest

    return float(binomtest(hits, count, alternative="less").proportion_ci(0.95, "exact").high)


def lower(hits: int, count: int) -> float:
    """Return the lower 95 % bound of a share (Clopper and Pearson, one-sided)."""
    from scipy.stats import binomtest

    return float(binomtest(hits, count, alternative="greater").proportion_ci(0.95, "exact").low)
