"""docs/sdks.md holds the rows that the script computes, and the claims beneath its title."""

from __future__ import annotations

import pytest
from sdk_table import DOCUMENT, INTRODUCTION, TRAININGS, Training, largest, line


def rows() -> dict[str, list[float]]:
    """Return the differences that the page states, by training."""
    found = {}
    for text in DOCUMENT.read_text(encoding="utf-8").removeprefix(INTRODUCTION).splitlines():
        name, *cells = (cell.strip() for cell in text.strip("|").split("|"))
        found[name] = [float(cell) for cell in cells]
    return found


def test_the_page_has_a_row_for_each_training() -> None:
    assert DOCUMENT.read_text(encoding="utf-8").startswith(INTRODUCTION)
    assert list(rows()) == [training.name for training in TRAININGS]


def test_without_dropout_the_sdks_losses_are_torchs_to_rounding() -> None:
    # One or two neighbours of a float32 near 2.3.
    assert max(rows()["graphcore_mnist, dropout=0.0"]) <= 1e-6


def test_a_row_keeps_the_order_of_its_columns() -> None:
    training = Training("one", ("a=1", "train_samples=2"))
    found = line(training, {"ipu-model": 0.25, "cerebras-cpu": 0.5})
    assert found == "| one, a=1 | 5.0e-01 | 2.5e-01 |\n"


def test_the_largest_difference_is_of_the_same_steps() -> None:
    assert largest([1.0, 2.0], [1.5, 1.75]) == 0.5
    with pytest.raises(ValueError, match="argument 2 is longer"):
        largest([1.0], [1.0, 2.0])
