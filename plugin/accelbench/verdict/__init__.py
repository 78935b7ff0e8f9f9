"""Statistics: pure functions over numbers; no pytest, no files, no framework."""

from __future__ import annotations

from accelbench.records import Floor
from accelbench.verdict.evidence import Case, JudgeOptions, Point
from accelbench.verdict.judge import judge
from accelbench.verdict.statuses import RED, STATUSES

__all__ = ["RED", "STATUSES", "Case", "Floor", "JudgeOptions", "Point", "judge"]
