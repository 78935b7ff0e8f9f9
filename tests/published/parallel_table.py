"""Writes docs/parallel.md: `python tests/published/parallel_table.py`; torch and TensorFlow."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from keras_differences import GLOBAL_BATCH as KERAS_BATCH
from keras_differences import Agreement, keras_agreement, keras_differences, keras_runs
from parallel_parameters import GLOBAL_BATCH, STEPS, Difference, difference, torch_run

DOCUMENT = Path(__file__).parents[2] / "docs" / "parallel.md"

INTRODUCTION = f"""\
# Several devices beside one

What several replicas change, and what another framework does. Written by
`python tests/published/parallel_table.py`; do not edit. `tests/published` asserts the rows in
double precision.

## The same training on several replicas

The largest difference of any parameter after {STEPS} steps on the embedded digits, between N
replicas and one that takes the same samples in the same steps (a global batch of {GLOBAL_BATCH} in
torch, of {KERAS_BATCH} in Keras), without dropout. In double precision only rounding is left. In
single precision more becomes of it: where two pixels tie for a maximum, and with Adam wherever a
gradient is nearly zero, rounding decides.

| training | cpu-2 | cpu-4 |
| --- | --- | --- |
"""

FRAMEWORKS = f"""
## The same training in Keras and in torch

The largest difference of a step's loss over {STEPS} steps of mnist_cnn from the same weights, on
the same batches of {KERAS_BATCH}, dropout off. The two define Adam's epsilon differently: "Keras'"
gives torch the one of Keras.

| precision | Adam's epsilon | largest difference of a loss |
| --- | --- | --- |
"""

TORCH = (
    ("graphcore_mnist", False),
    ("graphcore_mnist", True),
    ("mnist_cnn", False),
    ("mnist_cnn", True),
)


def torch_differences(folder: Path) -> Iterator[Difference]:
    """Train each torch workload in each precision by 1, 2 and 4 ranks, in real workers."""
    for workload, double in TORCH:
        name = f"{workload}, torch, {'float64' if double else 'float32'}"
        here = folder / name.replace(", ", "-")
        _, one = torch_run(workload, "cpu", here, double=double)
        for device in ("cpu-2", "cpu-4"):
            _, ours = torch_run(workload, device, here, double=double)
            yield difference(name, device, ours, one)


def written(differences: list[Difference], agreements: list[Agreement]) -> str:
    """Return the page."""
    by_training: dict[str, dict[str, float]] = {}
    for row in differences:
        by_training.setdefault(row.training, {})[row.device] = row.largest
    lines = [
        f"| {training} | {found['cpu-2']:.1e} | {found['cpu-4']:.1e} |\n"
        for training, found in by_training.items()
    ]
    rows = [f"| {row.precision} | {row.epsilon} | {row.largest:.1e} |\n" for row in agreements]
    return INTRODUCTION + "".join(lines) + FRAMEWORKS + "".join(rows)


def main() -> None:
    """Train, compare, write."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        differences, agreements = [*torch_differences(folder)], []
        for precision in ("float32", "float64"):
            runs = keras_runs(precision, folder)
            differences += keras_differences(runs)
            agreements += [keras_agreement(runs, own_epsilon=own) for own in (True, False)]
    DOCUMENT.write_text(written(differences, agreements), encoding="utf-8")


if __name__ == "__main__":
    main()
