"""Baselines: accepted reference runs as JSON lines, one file per workload and platform."""

from __future__ import annotations

from accelbench.store.baselines import Baselines, Reference, platform_of
from accelbench.store.lines import Line, Problem, StoreError

__all__ = ["Baselines", "Line", "Problem", "Reference", "StoreError", "platform_of"]
