"""The report's linear regressions: its rows, what the workload computes, what rounding decides."""

from __future__ import annotations

import csv
import itertools
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
WORKLOAD = HERE.parents[1] / "bench" / "workloads" / "linear_regression.py"

NOUGHT = 1e-12
"""A printed 0 means a loss below this."""

ULPS = 2
"""`starts` moves W and b by up to this many units in the last place of a float32."""

F32 = np.float32
Numbers = NDArray[Any]


# ------------------------------------------------------------------------------------------ rows
@dataclass(frozen=True)
class Row:
    """One combination of parameters; lists in the report's table are expanded.

    `line` counts the lines of the report's table; `loss` is what the report prints.
    """

    line: int
    optimizer: str
    params: tuple[tuple[str, float], ...]
    relation: str
    loss: str

    @property
    def name(self) -> str:
        return "-".join([self.optimizer, *(f"{value:g}" for _, value in self.params)])

    @property
    def claim(self) -> str:
        signs = {"less": "< ", "greater": "> ", "about": "≈ ", "diverges": "diverges, "}
        return signs.get(self.relation, "") + self.loss

    def holds(self, final: float, first_step: float) -> bool:
        """Tell whether a loss after all steps, and the one after the first, are the report's."""
        if self.relation == "diverges":
            return not math.isfinite(final) and printed_like(self.loss, first_step)
        if self.relation == "greater":
            return not final <= float(self.loss)  # a divergence exceeds every number
        if self.relation == "less":
            return final < float(self.loss)
        if self.relation == "about":
            return float(self.loss) / 2 < final < float(self.loss) * 2
        return final < NOUGHT if self.loss == "0" else printed_like(self.loss, final)


def printed_like(text: str, value: float) -> bool:
    """Tell whether a value, printed with as many digits as `text`, reads as `text`."""
    mantissa, exponent, _ = text.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(f"{value:.{decimals}{'e' if exponent else 'f'}}") == float(text)


@cache
def rows() -> tuple[Row, ...]:
    """Return all rows of the report's tables."""
    found = []
    with (HERE / "linear_regression.csv").open(newline="") as file:
        for number, line in enumerate(csv.DictReader(file), start=1):
            names = [n for n in ("learning_rate", "momentum", "beta1", "beta2") if line[n]]
            for values in itertools.product(*(line[name].split("|") for name in names)):
                params = tuple((n, float(v)) for n, v in zip(names, values, strict=True))
                found.append(Row(number, line["optimizer"], params, line["relation"], line["loss"]))
    return tuple(found)


# -------------------------------------------------------------------------------------- workload
@dataclass(frozen=True)
class Computed:
    """What the workload file computes: the loss of every step, and the one after the last."""

    steps: tuple[float, ...]
    final: float


@cache
def computed(row: Row) -> Computed:
    """Train the workload file itself, in this process."""
    import torch

    from accelbench.workers.engine import resolve
    from accelbench.workers.task import load_workload

    workload = load_workload(str(WORKLOAD))
    params = resolve(workload.PARAMETERS, (("optimizer", row.optimizer), *row.params))
    training, data = workload.build(params), workload.data(params)
    optimizer = training.optimizer(training.model.parameters())
    losses = []
    for _ in range(training.steps_per_epoch):
        optimizer.zero_grad()
        loss = training.loss(training.model(data.train_inputs), data.train_targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    with torch.no_grad():
        final = training.loss(training.model(data.test_inputs), data.test_targets)
    return Computed(tuple(torch.stack(losses).tolist()), float(final))


# ---------------------------------------------------------------------------------------- starts
@cache
def starts(row: Row) -> Numbers:
    """Return final losses from starts at most `ULPS` away from W = 0.3 and b = -0.3, 50 in all.

    A second implementation, in numpy, of the same float32 arithmetic, with the learning rate in
    double as the workload has it and rounded as TensorFlow has it: where the answers differ among
    starts that no printed figure can tell apart, rounding decides what comes out.
    """
    return np.concatenate([_from_near_starts(row, to) for to in (np.float64, np.float32)])


def _from_near_starts(row: Row, rate_type: type[np.floating]) -> Numbers:
    near = np.arange(-ULPS, ULPS + 1, dtype=np.int32)
    grid = np.meshgrid(*((F32(v).view(np.int32) + near).view(np.float32) for v in (0.3, -0.3)))
    p = np.stack([each.ravel() for each in grid])
    x = np.array([[1], [2], [3], [4]], F32)
    y = np.array([[0], [-1], [-2], [-3]], F32)
    move = Mover(row, float(rate_type(dict(row.params)["learning_rate"])), p)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(1, 1001):
            twice = 2 * (p[0] * x + p[1] - y)
            p = p - move(np.stack([(twice * x).sum(0), twice.sum(0)]), step)
        residuals: Numbers = (p[0] * x + p[1] - y).astype(np.float64)
        finals: Numbers = np.square(residuals).sum(0)
        return finals


class Mover:
    """TensorFlow 1's optimizers in numpy: `mover(gradient, step)` is what a step subtracts."""

    def __init__(self, row: Row, rate: float, p: Numbers) -> None:
        params = dict(row.params)
        self._optimizer, self._rate = row.optimizer, rate
        self._mu = params.get("momentum", 0.0)
        self._betas = params.get("beta1", 0.0), params.get("beta2", 0.0)
        self._m = np.zeros_like(p)
        self._v = np.full_like(p, 0.1 if row.optimizer == "adagrad" else 0.0)

    def __call__(self, g: Numbers, step: int) -> Numbers:
        if self._optimizer == "gradient_descent":
            return F32(self._rate) * g
        if self._optimizer == "momentum":
            self._m = F32(self._mu) * self._m + g
            return F32(self._rate) * self._m
        if self._optimizer == "adagrad":
            self._v = self._v + g * g
            return F32(self._rate) * g / np.sqrt(self._v)
        b1, b2 = self._betas
        self._m = F32(b1) * self._m + F32(1 - b1) * g
        self._v = F32(b2) * self._v + F32(1 - b2) * g * g
        corrected = self._rate * math.sqrt(1 - b2**step) / (1 - b1**step)
        change: Numbers = F32(corrected) * self._m / (np.sqrt(self._v) + F32(1e-8))
        return change
