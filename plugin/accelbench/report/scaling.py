"""The table of scaling: time, speed-up and efficiency of several devices beside one."""

from __future__ import annotations

from rich.markup import escape

from accelbench import scaling
from accelbench.report import tables
from accelbench.session import Session
from accelbench.wording import number

LEFT = ("scaling", "device")
RIGHT = ("devices", "rounds", "seconds", "speed-up", "efficiency", "95 %", "accuracy", "published")

LARGEST_SHOWN = 10
"""An efficiency above which a bound says nothing more."""


def rendered(session: Session, paper: tables.Paper) -> list[str]:
    """Return the lines, those of one test together; none where no test measured any scaling."""
    table = tables.table(LEFT, RIGHT)
    for outcomes in session.by_test().values():
        for row in scaling.rows(outcomes):
            table.add_row(
                escape(row.workload),
                row.device,
                str(row.replicas),
                str(row.rounds),
                f"{row.seconds:.4g}",
                f"{row.speed_up:.2f}",
                "-" if row.efficiency is None else f"{row.efficiency:.2f}",
                "-" if row.rounds < 2 or row.efficiency is None else _interval(row),
                number(row.accuracy),
                _published(row),
            )
    return tables.lines(table, paper) if table.row_count else []


def _interval(row: scaling.Row) -> str:
    low, high = row.interval
    # Two rounds on a busy host say next to nothing: then the bound has no end of digits.
    return f"{low:.2f} to " + (f"{high:.2f}" if high < LARGEST_SHOWN else f"over {LARGEST_SHOWN}")


def _published(row: scaling.Row) -> str:
    """Return a report's speed-up and efficiency: on other devices, to compare the shape with."""
    if row.published is None:
        return "-"
    return f"{row.published * row.replicas:.2f} ({row.published:.2f})"
