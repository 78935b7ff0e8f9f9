"""How a suspicion is confirmed: on fresh runs alone, one file per way.

The screen chose its suspect by looking at a run; the confirming runs were made afterwards, so that
their p-values hold whatever the screen did. Looks are split by Bonferroni: stopping at any of them
is valid.
"""

from __future__ import annotations

from accelbench.verdict.confirm.decision import Decision

__all__ = ["Decision"]
