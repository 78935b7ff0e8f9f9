"""fixed_5_percent: one run more than 5 % below the mean of the stored ones."""

from __future__ import annotations

import numpy as np

from accelbench.peers.rule import Floats, Rule


def drop(new: Floats, stored: Floats) -> Floats:
    """Return how far the newest run lies below the stored mean, as a fraction of it."""
    return np.asarray(1 - new[:, -1] / stored.mean(axis=1))


RULE = Rule("fixed_5_percent", "a tolerance, as in many scripts", 1, 1, 0.05, drop)
