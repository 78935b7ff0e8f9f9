"""Statistics: pure functions over numbers; no pytest, no files, no framework."""

from __future__ import annotations

from accelbench.verdict.judge import Question, judge
from accelbench.verdict.statuses import RED, STATUSES

__all__ = ["RED", "STATUSES", "Question", "judge"]
