"""What `accelbench judge` prints of runs made elsewhere: a table, and a line for what it leaves."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from collections.abc import Sequence

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accelbench.offline.judging import Finding, Findings
from accelbench.offline.wording import explained, name_of
from accelbench.store import Problem
from accelbench.verdict import STATUSES, statuses
from accelbench.wording import counted, number, shown_status

LEAST_WIDTH = 110
"""A pipe has no width, and a narrow terminal folds the workload's column alone."""


def problems(found: Sequence[Problem]) -> None:
    """Name the entries that do not count, on the standard error."""
    for problem in found:
        click.echo(f"left out: {problem}", err=True)


def findings(found: Findings, *, err: bool) -> None:
    """Print the table, the counts, and a line for every verdict that has more to say."""
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    lines = [
        *_table(found.findings),
        _counts(found.findings),
        *(explained(each) for each in found.findings if _has_more_to_say(each)),
    ]
    for line in lines:
        click.echo(line, err=err)


def _has_more_to_say(finding: Finding) -> bool:
    verdict = finding.verdict
    return verdict.status != statuses.PASSED or bool(verdict.message)


def _table(found: Sequence[Finding]) -> list[str]:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("workload", overflow="fold")
    table.add_column("metric", no_wrap=True)
    for heading in ("value", "reference", "runs", "new", "bound"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for each in found:
        verdict = each.verdict
        table.add_row(
            escape(name_of(each.key)),
            escape(verdict.metric),
            number(verdict.value),
            number(verdict.reference),
            str(verdict.reference_runs or "-"),
            str(len(each.judgement.case.runs) if each.judgement else "-"),
            number(verdict.bound),
            shown_status(verdict),
        )
    stream = io.StringIO()
    width = max(LEAST_WIDTH, shutil.get_terminal_size().columns)
    Console(file=stream, width=width, highlight=False, no_color=True).print(table)
    return [line.rstrip() for line in stream.getvalue().rstrip("\n").split("\n")]


def _counts(found: Sequence[Finding]) -> str:
    counts = Counter(shown_status(each.verdict) for each in found)
    said = ", ".join(f"{counts[name]} {name}" for name in STATUSES if counts[name])
    return f"{counted(len(found), 'verdict')}: {said or 'none'}"
