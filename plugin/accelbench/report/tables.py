"""How a table becomes lines of the terminal's summary."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Paper:
    """What is written on: its width in characters, and whether it has colours."""

    width: int
    colour: bool


def table(left: Sequence[str], right: Sequence[str], last: str | None = None) -> Table:
    """Return an empty table: the first column folds, the others of `left` and `right` do not."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(left):
        made.add_column(heading, overflow="fold" if place == 0 else "ellipsis", no_wrap=place > 0)
    for heading in right:
        made.add_column(heading, justify="right", no_wrap=True)
    if last is not None:
        made.add_column(last, no_wrap=True)
    return made


def lines(table: Table, paper: Paper) -> list[str]:
    """Return a table's lines as they are shown."""
    stream = io.StringIO()
    colour = paper.colour
    Console(
        file=stream, width=paper.width, force_terminal=colour, no_color=not colour, highlight=False
    ).print(table)
    return [line.rstrip() for line in stream.getvalue().rstrip("\n").split("\n")]
