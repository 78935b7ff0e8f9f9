"""The statuses of a verdict."""

from __future__ import annotations

PASSED = "passed"
IMPROVED = "improved"
REGRESSED = "regressed"
INCONCLUSIVE = "inconclusive"
BLIND = "blind"
"""Passed, but a change of the metric's declared smallest effect could not have been seen."""
LEARNING = "learning"
"""Too few stored runs: no test of theirs could reject anything."""
NEW = "new"
WORKLOAD_CHANGED = "workload changed"
CONTENDED = "contended"
PENDING = "pending"
FAILED = "failed"
MORE = "more"
"""Suspected, not decided: the verdict says which fresh runs it needs. Never a final status."""
SHOWN = "shown"
"""A metric that is not gated: its number is shown, nothing is judged."""

STATUSES = (
    REGRESSED,
    FAILED,
    WORKLOAD_CHANGED,
    INCONCLUSIVE,
    CONTENDED,
    BLIND,
    PENDING,
    LEARNING,
    NEW,
    IMPROVED,
    PASSED,
    SHOWN,
)
"""All final ones, the most urgent first."""

RED = frozenset({REGRESSED, FAILED})
"""Only these turn a test red."""

ACCEPTED = frozenset({PASSED, IMPROVED, BLIND, LEARNING})
"""A stored run with one of these joins the history that later runs are screened against."""
