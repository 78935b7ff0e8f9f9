"""The statuses of a verdict."""

from __future__ import annotations

PASSED = "passed"
IMPROVED = "improved"
REGRESSED = "regressed"
INCONCLUSIVE = "inconclusive"
BLIND = "blind"
LEARNING = "learning"
NEW = "new"
WORKLOAD_CHANGED = "workload changed"
CONTENDED = "contended"
PENDING = "pending"
FAILED = "failed"
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
"""All of them, the most urgent first."""

RED = frozenset({REGRESSED, FAILED})
"""Only these turn a test red."""
