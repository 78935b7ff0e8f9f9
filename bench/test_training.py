"""Whether training still works as well and as fast as it did: every workload, every tier."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelbench.declarations import Cell
    from accelbench.training import Train


def test_training(cell: Cell, train: Train) -> None:
    """Each cell of the tier trains, and no gated metric has regressed."""
    train(cell).check()
