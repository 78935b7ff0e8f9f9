"""Verdicts in words: what, how much, against what, how surely, and what is missing."""

from __future__ import annotations

from accelbench import metrics
from accelbench.records import More, Verdict
from accelbench.verdict import JudgeOptions, statuses

_KINDS = {
    "fresh": ("fresh run", "fresh runs"),
    "pairs": ("pair", "pairs"),
    "second unit": ("run on a second unit", "runs on a second unit"),
}


def shown_status(verdict: Verdict) -> str:
    """Return the status that a person is shown: `more` is open, and here nobody makes the runs."""
    return statuses.INCONCLUSIVE if verdict.status == statuses.MORE else verdict.status


def reasons(verdict: Verdict, options: JudgeOptions | None, since: str = "") -> list[str]:
    """Return all that a verdict says besides its status, each thing a text of its own."""
    return [
        *_measured(verdict, since),
        *(["no reference runs of it"] if verdict.status == statuses.NEW else []),
        *([verdict.message] if verdict.message else []),
        *([verdict.cause] if verdict.cause and verdict.cause != verdict.message else []),
        *_tested(verdict, options),
        *(["suspected by " + ", ".join(verdict.suspected_by)] if verdict.suspected_by else []),
        *_missing(verdict),
    ]


def _measured(verdict: Verdict, since: str) -> list[str]:
    """Return value, reference and counts."""
    if verdict.value is None:
        return []
    text = number(verdict.value)
    if verdict.reference is not None:
        runs = counted(verdict.reference_runs, "reference run")
        sessions = counted(verdict.reference_sessions, "session")
        start = f" since {since}" if since else ""
        text += f" against {number(verdict.reference)}, median of {runs} in {sessions}{start}"
        if verdict.history_runs:
            text += f", with {verdict.history_runs} of the history"
        if verdict.bound is not None:
            text += f", bound {number(verdict.bound)}"
    return [text]


def _tested(verdict: Verdict, options: JudgeOptions | None) -> list[str]:
    """Return effect, interval, p and rate, and who judged; nothing where no test was made."""
    parts = []
    if verdict.effect is not None:
        text = change(verdict.metric, verdict.effect)
        if len(verdict.interval) == 2:
            low, high = (change(verdict.metric, end) for end in verdict.interval)
            text += f" (95 % interval {low} to {high})"
        parts.append(text)
    judge = f" by {verdict.judge}" if verdict.judge else ""
    if verdict.new_runs:
        parts.append(f"{counted(verdict.new_runs, 'new run')} judged{judge}")
    if verdict.p_value is not None and verdict.alpha is not None:
        sign = "<=" if verdict.p_value <= verdict.alpha else ">"
        rate = f"p {verdict.p_value:.2g} {sign} {verdict.alpha:.2g}"
        if options is not None:
            rate += f", its share of {100 * options.alpha_night:g} % false alarms a session"
        parts.append(rate)
    return parts


def _missing(verdict: Verdict) -> list[str]:
    if verdict.more is None:
        return []
    return [f"{wanted(verdict.more)} {'decides' if verdict.more.count == 1 else 'decide'}"]


def wanted(more: More) -> str:
    """Return the runs that a verdict still needs."""
    one, several = _KINDS[more.kind]
    return f"{more.count} more {one if more.count == 1 else several}"


def change(metric: str, effect: float) -> str:
    """Return a change in the metric's way: points of a fraction, else per cent."""
    unit = "points" if metrics.metric(metric).scale == "logit" else "%"
    return f"{100 * effect:+.3g} {unit}"


def sight(verdict: Verdict) -> str:
    """Return the smallest change that a pass would have caught, as tables show it."""
    if verdict.detectable is None:
        return "-"
    unit = "pt" if metrics.metric(verdict.metric).scale == "logit" else "%"
    seen = 100 * verdict.detectable
    return f"{seen:.2g}{unit}" if seen < 100 else f"{seen:.0f}{unit}"


def number(value: float | None) -> str:
    """Return a number as tables show it."""
    return "-" if value is None else f"{value:.5g}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
