"""Metrics: one file each, a pure function of a Run; found by listing this folder."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from accelbench.metrics.metric import Metric

__all__ = ["Metric", "metric", "names"]


@cache
def names() -> tuple[str, ...]:
    """Return the names of all metrics, without importing them."""
    files = Path(__file__).parent.glob("*.py")
    return tuple(sorted(f.stem for f in files if f.stem not in {"__init__", "metric"}))


@cache
def metric(name: str) -> Metric:
    """Return a metric by name; KeyError names those that exist."""
    if name not in names():
        raise KeyError(f"unknown metric {name!r}; known: {', '.join(names())}")
    found: Metric = importlib.import_module(f"accelbench.metrics.{name}").METRIC
    return found
