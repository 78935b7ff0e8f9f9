"""The table of agreement: devices beside the reference device, on the same seeds."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from accelbench.agreement import ACCURACY, LOSSES
from accelbench.records import Outcome, Verdict
from accelbench.report import tables
from accelbench.session import Session
from accelbench.verdict import STATUSES
from accelbench.wording import number

LEFT = ("agreement", "device", "beside")
RIGHT = ("seeds", "accuracy", "points", "interval", "allowed", "losses", "allowed")

_ORDER = {status: place for place, status in enumerate(STATUSES)}


def rendered(session: Session, paper: tables.Paper) -> list[str]:
    """Return the lines, one for each test that compared two devices; none without any.

    `points`: of accuracy, above the other device's; `losses`: in parts of the yardstick's effect.
    """
    table = tables.table(LEFT, RIGHT, "verdict")
    for outcomes in session.by_test().values():
        cells = _cells(outcomes)
        if cells:
            table.add_row(*cells)
    return tables.lines(table, paper) if table.row_count else []


def _cells(outcomes: Sequence[Outcome]) -> list[str]:
    found = [(o, {v.metric: v for v in o.verdicts}) for o in outcomes]
    for outcome, verdicts in found:
        if {ACCURACY, LOSSES} <= set(verdicts):
            spec = outcome.run.spec
            others = {o.run.spec.device for o in outcomes} - {spec.device}
            row = [escape(spec.workload), spec.device, ", ".join(sorted(others))]
            return [*row, *_numbers(verdicts[ACCURACY], verdicts[LOSSES])]
    return []


def _numbers(accuracy: Verdict, losses: Verdict) -> list[str]:
    worse = min(accuracy.status, losses.status, key=lambda status: _ORDER[status])
    ends = " to ".join(f"{100 * end:+.2f}" for end in accuracy.interval)
    return [
        str(accuracy.new_runs),
        number(accuracy.value),
        f"{100 * (accuracy.effect or 0.0):+.2f}",
        ends or "-",
        f"{100 * (accuracy.bound or 0.0):.2g}",
        "-" if losses.value is None else f"{losses.value:.2g}",
        number(losses.bound),
        worse,
    ]
