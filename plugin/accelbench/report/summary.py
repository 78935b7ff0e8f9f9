"""The table of verdicts at the end of a session."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from accelbench.levels import ALPHA_NIGHT
from accelbench.records import COMPLETED, Outcome, Run, Verdict
from accelbench.report import agreement, scaling, tables
from accelbench.session import Session
from accelbench.verdict import RED, STATUSES, statuses
from accelbench.verdict.evidence import SCREEN
from accelbench.wording import counted, number, sight

if TYPE_CHECKING:
    import pytest

LEAST_WIDTH_OF_A_PIPE = 110
"""A file or a pipe has no width; a terminal has its own, and the workload's column folds."""

CHECKED = "checked"
"""What became of a run that is complete without an epoch: its device measures nothing."""

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
    reporter.write_sep("-", "accelbench", blue=True)
    width = reporter._tw.fullwidth  # pytest has no public way to it
    width = width if reporter.isatty else max(LEAST_WIDTH_OF_A_PIPE, width)
    verbose = reporter.verbosity > 0
    if session.outcomes:
        paper = tables.Paper(width, reporter.hasmarkup)
        for line in rendered(session, paper, verbose=verbose):
            reporter.write_line(line)
        command = shlex.join(["pytest", *reporter.config.invocation_params.args])
        for line in footer(session, command):
            reporter.write_line(line)
    for error in session.errors:
        reporter.write_line(f"ERROR: {error}", red=True, bold=True)


def rendered(session: Session, paper: tables.Paper, *, verbose: bool) -> list[str]:
    """Return the tables' lines; `verbose` adds the metrics that are not gated.

    Runs that a test compared itself have tables of their own, below the one of verdicts.
    """
    left, right = ("workload", "device", "metric"), ("value", "reference", "runs", "bound", "sees")
    table = tables.table(left, right, "verdict")
    for _, outcome in session.outcomes:
        for verdict in _rows(outcome, verbose=verbose):
            _add(table, outcome, verdict)
    return [
        *(tables.lines(table, paper) if table.row_count else []),
        *scaling.rendered(session, paper),
        *agreement.rendered(session, paper),
    ]


def _rows(outcome: Outcome, *, verbose: bool) -> list[Verdict]:
    if outcome.run.spec.role != SCREEN and outcome.expected:
        return []
    rows = [v for v in outcome.verdicts if v.gated or verbose]
    if rows and any(v.gated for v in outcome.verdicts):
        return rows
    state = statuses.PASSED if outcome.expected else statuses.FAILED
    return [Verdict(f"({_ending(outcome.run)})", state), *rows]


def _ending(run: Run) -> str:
    """Return how a run ended; one that only compiled what it was to train was checked."""
    return CHECKED if run.state == COMPLETED and not run.epochs else str(run.state)


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
        sight(verdict),
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
    return [f"{_places(where)} {text}" for text, where in places.items()]


def checked(session: Session) -> list[str]:
    """Return how many runs measured nothing, and what was found out instead."""
    messages = [
        outcome.message
        for _, outcome in session.outcomes
        if outcome.expected and _ending(outcome.run) == CHECKED
    ]
    return [f"{counted(n, 'run')} {CHECKED}: {said}" for said, n in Counter(messages).items()]


def _places(where: list[str]) -> str:
    """Name the places where something holds, or count them where the table shows them anyway."""
    return f"{', '.join(where)}:" if len(where) <= 2 else f"{len(where)} metrics"


def footer(session: Session, command: str) -> list[str]:
    """Return counts, the false-alarm rate, notes, damaged lines, and the next command."""
    judged = [v for _, o in session.outcomes for v in o.verdicts if v.gated]
    counts = Counter(v.status for v in judged)
    broken = sum(not o.expected for _, o in session.outcomes)
    said = ", ".join(f"{counts[s]} {s}" for s in sorted(counts, key=lambda s: _ORDER[s]))
    failed = f" ({broken} failed)" if broken else ""
    lines = [
        f"{counted(len(session.outcomes), 'run')}{failed}, "
        f"{counted(len(judged), 'gated metric')}: {said or 'none'} "
        f"(false alarms: at most {ALPHA_NIGHT:.0%} of sessions)"
    ]
    if counts[statuses.NEW] and not session.options.update_baselines:
        lines.append(
            f"{counts[statuses.NEW]} new: no baseline yet; record one with: "
            f"{command} --update-baselines --seeds 12"
        )
    lines += [*checked(session), *reasons(session)]
    lines += [f"baseline line left out: {problem}" for problem in session.problems()]
    return lines + session.notes
