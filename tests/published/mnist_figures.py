"""The published figures on the real MNIST: what is trained, and what the reports state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from command_line import trained

SEED = 1
NO_SUCH_ROW = "in the band; the report has no row of exactly this"


@dataclass(frozen=True)
class Figure:
    """One training of one epoch on the real MNIST, and what the report says of it.

    `low` and `high` bound the test accuracy in per cent. `stated` is the report's accuracy as it
    is printed; `outcome` says in words whether it comes out.
    """

    workload: str
    params: tuple[tuple[str, object], ...]
    parameters: int
    low: float
    high: float
    stated: str
    outcome: str = "reproduced"

    @property
    def name(self) -> str:
        return "-".join([self.workload, *(str(value) for _, value in self.params)])


def _softmax(stated: float, optimizer: str, **params: float) -> Figure:
    chosen = (("train_samples", 50000), ("optimizer", optimizer), *params.items())
    return Figure("mnist_softmax", chosen, 7850, stated - 0.7, stated + 0.7, f"{stated:g} %")


GRADIENT_DESCENT = _softmax(91, "gradient_descent", learning_rate=0.7)
MOMENTUM = _softmax(92, "momentum", learning_rate=0.1, momentum=0.8)
ADAGRAD = _softmax(91.02, "adagrad", learning_rate=0.5)
ADAM = Figure(
    "mnist_softmax",
    (
        ("train_samples", 50000),
        ("optimizer", "adam"),
        ("learning_rate", 0.1),
        ("beta1", 0.8),
        ("beta2", 0.8),
        ("epsilon", 1e-9),
    ),
    parameters=7850,
    low=86.5,
    high=90.5,
    stated="91.86 %",
    outcome="not reproduced",
)
GRAPHCORE = Figure(
    "graphcore_mnist",
    (("batch_size", 8), ("learning_rate", 0.05)),
    parameters=225034,
    low=95.5,
    high=98.0,
    stated="98.62 % and 96.66 % after ten epochs",
    outcome=NO_SUCH_ROW,
)
CNN = Figure(
    "mnist_cnn",
    (("train_samples", 50000), ("batch_size", 50), ("learning_rate", 0.001)),
    parameters=3274634,
    low=98.0,
    high=99.5,
    stated="98.7 % at batch 16, 97.8 % at batch 250",
    outcome=NO_SUCH_ROW,
)
FIGURES = (GRADIENT_DESCENT, MOMENTUM, ADAGRAD, ADAM, GRAPHCORE, CNN)


@cache
def measured(figure: Figure) -> dict[str, Any]:
    """Return the run of a figure, trained through the command line with a fixed seed."""
    options = ("--dataset", "mnist", "--epochs", "1", "--seed", str(SEED))
    return trained(figure.workload, *options, **dict(figure.params))


def accuracy_percent(run: dict[str, Any]) -> float:
    """Return a run's test accuracy in per cent."""
    return 100 * float(run["evaluation"]["accuracy"])
