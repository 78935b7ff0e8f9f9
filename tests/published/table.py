"""Writes docs/published_figures.md: `python tests/published/table.py`, on a host with MNIST.

ACCELBENCH_DATA names the folder that holds the real MNIST; where it is not set, the measured table
is kept as it stands and only the computed one is written again.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from linear_figures import NOUGHT, Row, computed, rows, starts
from mnist_figures import FIGURES, Figure, accuracy_percent, measured

DOCUMENT = Path(__file__).parents[2] / "docs" / "published_figures.md"

INTRODUCTION = """\
# Published figures

What five reports state, and what this suite computes. Written by `python tests/published/table.py`;
do not edit. The statements themselves are in `tests/published/*.csv`, each a test.
"""

LINEAR = """
## linear_regression

The loss after 1000 steps. *Computed* is what `bench/workloads/linear_regression.py` gives. Every
row was also trained from 50 starts that lie within two units in the last place of W = 0.3 and
b = -0.3 (and with the learning rate rounded or not), in a second implementation: a row is
*reproduced* where all of them agree with the report, *not reproduced* where none does, and *decided
by rounding* where some do. Where they spread by more than 0.2 %, the table gives their range.

| optimizer | learning rate | momentum | β1 | β2 | report | computed | |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""

MNIST_TITLE = "\n## MNIST\n"
MNIST = """
One run each on the real MNIST: one epoch, seed 1, test accuracy, through `accelbench run`. The test
asserts that the accuracy lies in the band.

| workload | parameters set | trainable | report | band | computed | |
| --- | --- | --- | --- | --- | --- | --- |
"""


def linear_section() -> str:
    """Return the table of linear_regression."""
    return LINEAR + "".join(_linear_line(row) for row in rows())


def _linear_line(row: Row) -> str:
    params = dict(row.params)
    names = ("learning_rate", "momentum", "beta1", "beta2")
    cells = [f"{params[name]:g}" if name in params else "" for name in names]
    return _line(row.optimizer, *cells, row.claim, loss_text(row), verdict(row))


def loss_text(row: Row) -> str:
    """Return what is computed, to as many digits as do not depend on rounding."""
    finals, result = starts(row), computed(row)
    if not math.isfinite(result.final):
        return f"diverges, {result.steps[1]:#.6g} after the first step"
    if finals.max() < NOUGHT:
        return f"< {NOUGHT:g}"
    if finals.max() > 1.002 * finals.min():
        return f"{finals.min():.1e} to {finals.max():.1e}"
    well_conditioned = row.optimizer in {"gradient_descent", "adagrad"}
    return f"{result.final:#.6g}" if well_conditioned else f"{result.final:.2e}"


def verdict(row: Row) -> str:
    """Say whether the row holds, from all near starts, from some, or from none."""
    held = [row.holds(float(final), computed(row).steps[1]) for final in starts(row)]
    if all(held):
        return "reproduced"
    return "decided by rounding" if any(held) else "not reproduced"


def mnist_section() -> str:
    """Train the figures on MNIST and return their table."""
    return MNIST_TITLE + MNIST + "".join(_mnist_line(figure) for figure in FIGURES)


def _mnist_line(figure: Figure) -> str:
    accuracy = accuracy_percent(measured(figure))
    if not figure.low <= accuracy <= figure.high:
        raise SystemExit(f"{figure.name}: {accuracy:.2f} % is not in its band")
    return _line(
        figure.workload,
        ", ".join(f"{name}={value}" for name, value in figure.params),
        f"{figure.parameters:,}",
        figure.stated,
        f"{figure.low:.5g} to {figure.high:.5g} %",
        f"{accuracy:.2f} %",
        figure.outcome,
    )


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Write the document."""
    if os.environ.get("ACCELBENCH_DATA"):
        measured_part = mnist_section()
    else:
        _, title, rest = DOCUMENT.read_text(encoding="utf-8").partition(MNIST_TITLE)
        measured_part = title + rest
    DOCUMENT.write_text(INTRODUCTION + linear_section() + measured_part, encoding="utf-8")


if __name__ == "__main__":
    main()
