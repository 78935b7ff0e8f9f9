"""The table of verdicts at the end of a session."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accelbench.check import number
from accelbench.records import Outcome, Verdict
from accelbench.session import Session
from accelbench.verdict import RED, STATUSES, statuses
from accelbench.verdict.judge import ALPHA_NIGHT

if TYPE_CHECKING:
    import pytest

_STYLES = {
    statuses.REGRESSED: "bold red",
    statuses.FAILED: "bold red",
    statuses.PASSED: "green",
    statuses.IMPROVED: "bold green",
    statuses.SHOWN: "dim",
}

_ORDER = {status: place for place, status in enumerate(STATUSES)}


def write(reporter: pytest.TerminalReporter, session: Session) -> None:
    """Write table, counts, notes and next commands below pytest's own summary."""
    reporter.section("accelbench", sep="-", blue=True)
    width = max(110, reporter._tw.fullwidth)  # pytest has no public way to it
    verbose = reporter.verbosity > 0
    for line in rendered(session, width, verbose=verbose, colour=reporter.hasmarkup):
        reporter.write_line(line)
    for line in footer(session):
        reporter.write_line(line)


def rendered(session: Session, width: int, *, verbose: bool, colour: bool) -> list[str]:
    """Return the table's lines; `verbose` adds the metrics that are not gated."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("workload", overflow="fold")
    for heading in ("device", "metric"):
        table.add_column(heading, no_wrap=True)
    for heading in ("value", "reference", "runs", "bound"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for _, outcome in session.outcomes:
        for verdict in _rows(outcome, verbose=verbose):
            _add(table, outcome, verdict)
    stream = io.StringIO()
    Console(
        file=stream, width=width, force_terminal=colour, no_color=not colour, highlight=False
    ).print(table)
    return [line.rstrip() for line in stream.getvalue().rstrip("\n").split("\n")]


def _rows(outcome: Outcome, *, verbose: bool) -> list[Verdict]:
    rows = [v for v in outcome.verdicts if v.gated or verbose]
    if rows and any(v.gated for v in outcome.verdicts):
        return rows
    state = statuses.PASSED if outcome.expected else statuses.FAILED
    return [Verdict(f"({outcome.run.state})", state), *rows]


def _add(table: Table, outcome: Outcome, verdict: Verdict) -> None:
    style = _STYLES.get(verdict.status, "yellow")
    table.add_row(
        escape(_name(outcome)),
        outcome.run.spec.device,
        escape(verdict.metric),
        number(verdict.value),
        number(verdict.reference),
        str(verdict.reference_runs or "-"),
        number(verdict.bound),
        f"[{style}]{verdict.status}[/]",
    )


def _name(outcome: Outcome) -> str:
    spec = outcome.run.spec
    return " ".join([spec.workload, *(f"{key}={value}" for key, value in spec.params)])


def reasons(session: Session) -> list[str]:
    """Return why, for the verdicts that neither pass nor fail: one line per reason."""
    places: dict[str, list[str]] = {}
    for _, outcome in session.outcomes:
        for verdict in outcome.verdicts:
            if verdict.gated and verdict.message and verdict.status not in RED:
                text = f"{verdict.status}: {verdict.message}"
                places.setdefault(text, []).append(f"{_name(outcome)} {verdict.metric}")
    return [f"{text} ({', '.join(where)})" for text, where in places.items()]


def footer(session: Session) -> list[str]:
    """Return counts, the false-alarm rate, notes, damaged lines, and the next command."""
    counts = Counter(v.status for _, o in session.outcomes for v in o.verdicts if v.gated)
    said = ", ".join(f"{counts[s]} {s}" for s in sorted(counts, key=lambda s: _ORDER[s]))
    # Under xdist the controller collects nothing: only the verdicts know what they were judged at.
    alphas = [v.alpha for _, o in session.outcomes for v in o.verdicts if v.alpha is not None]
    alpha = min(alphas, default=ALPHA_NIGHT / max(1, session.gates))
    lines = [
        f"{len(session.outcomes)} runs, {sum(counts.values())} gated metrics: {said or 'none'} "
        f"(false alarms: {ALPHA_NIGHT:.0%} a session, {alpha:.2g} a metric)"
    ]
    if counts[statuses.NEW] and not session.options.update_baselines:
        lines.append(
            f"{counts[statuses.NEW]} new: no baseline yet; the same command with "
            "--update-baselines --seeds 10 records one"
        )
    lines += reasons(session)
    lines += [f"baseline line left out: {problem}" for problem in session.problems()]
    lines += session.notes
    lines += [f"ERROR: {error}" for error in session.errors]
    return lines
