"""How runs made elsewhere are judged: the command line's word before the cell's."""

from __future__ import annotations

from pathlib import Path

from accelbench.declarations import Cell
from accelbench.offline.asked import Asked
from accelbench.verdict import Floor

CELL = Cell(
    "alpha",
    dataset="digits",
    epochs=1,
    gates=("accuracy", "loss"),
    floors=(("accuracy", Floor(0.5)),),
    smallest_effects=(("accuracy", 0.06), ("loss", 1.5)),
)


def test_floors_and_smallest_effects_are_the_cells_where_nothing_else_is_said() -> None:
    asked = Asked(Path())
    assert asked.options("accuracy", 2, CELL).floor == Floor(0.5)
    assert asked.options("accuracy", 2, CELL).smallest_effect == 0.06
    assert asked.options("loss", 2, CELL).floor is None
    assert asked.options("accuracy", 2).smallest_effect is None


def test_the_command_line_goes_before_the_cell_metric_by_metric() -> None:
    asked = Asked(
        Path(),
        floors=(("accuracy", Floor(0.9, strict=True)),),
        smallest_effects=(("accuracy", 0.01),),
    )
    assert asked.options("accuracy", 2, CELL).floor == Floor(0.9, strict=True)
    assert asked.options("accuracy", 2, CELL).smallest_effect == 0.01
    assert asked.options("loss", 2, CELL).smallest_effect == 1.5
