"""otava: change points by Apache Otava's library, with its own defaults.

E-divisive candidates in windows of 50, kept where Student's t between the pieces has p < 0.001. It
looks at a history, after the fact; as a rule for tonight it alarms when a change for the worse lies
among the last five values or the new ones. Its library is an optional extra.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from accelbench.peers.rule import Floats, Rule, surprise

MISSING = "Apache Otava is not installed: pip install pytest-accelbench[otava]"
RECENT = 5
"""A change this many values back is still news: its date is not exact."""

MOST_P = 0.001
"""Otava's default; a p above it is never reported, so that no threshold below 3 says more."""


def score(new: Floats, stored: Floats) -> Floats:
    """Return -log10 p of the clearest recent change for the worse, 0 without one.

    ImportError names the extra that is missing.
    """
    find = library()
    series = np.concatenate([stored, new], axis=1)
    first = series.shape[1] - max(new.shape[1], RECENT)
    return surprise(np.array([_least_p(find, row, first) for row in series]))


def library() -> Callable[..., Any]:
    """Return Otava's `compute_change_points`; ImportError in one line where it is missing."""
    try:
        from otava.analysis import compute_change_points
    except ImportError:
        raise ImportError(MISSING) from None
    found: Callable[..., Any] = compute_change_points
    return found


def _least_p(find: Callable[..., Any], row: Floats, first: int) -> float:
    # A list: of an array it takes whole series for windows, and fails on more than one window.
    points, _ = find([float(value) for value in row], max_pvalue=MOST_P)
    p_values = [
        float(point.stats.pvalue)
        for point in points
        if point.index >= first and point.stats.mean_2 < point.stats.mean_1
    ]
    return min(p_values, default=1.0)


RULE = Rule("otava", "apache-otava 0.8, analysis.py", 1, RECENT, -math.log10(MOST_P), score)
