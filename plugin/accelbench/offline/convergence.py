"""Convergence points in MLPerf's manner: our verdict, and that of the RCP checker's rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from accelbench import cases
from accelbench.cases import Judgement
from accelbench.offline.points import ConvergenceError, Points
from accelbench.peers import mlperf_rcp
from accelbench.peers.rule import Floats
from accelbench.records import Reading
from accelbench.verdict import Case, JudgeOptions, Point
from accelbench.verdict.evidence import FRESH, SCREEN

METRIC = "epochs_to_accuracy"

NEVER = 1e9
"""What the checker counts for a run that did not converge."""


@dataclass(frozen=True)
class RcpResult:
    """What the checker's rule says: p for faster and for slower than the reference.

    It fails on `too_fast` and on too many runs that never converged, and passes what is slow.
    `obstacle`: why it says nothing.
    """

    mean: float = math.nan
    limit: float = math.nan
    p_faster: float = math.nan
    p_slower: float = math.nan
    never: int = 0
    obstacle: str = ""

    @property
    def too_fast(self) -> bool:
        """Whether the checker calls it suspiciously fast."""
        return self.mean < self.limit

    @property
    def failed(self) -> bool:
        """Whether the checker refuses the runs."""
        return self.too_fast or (self.never > 0 and math.isnan(self.mean))

    @property
    def slower(self) -> bool:
        """Whether the same test would call it too slow, if it looked at that side."""
        return self.p_slower <= mlperf_rcp.ALPHA


@dataclass(frozen=True)
class Compared:
    """Our verdict beside the checker's."""

    reference: Points
    points: Points
    judgement: Judgement
    rcp: RcpResult


def compared(points: Points, reference: Points, options: JudgeOptions) -> Compared:
    """Return both verdicts: for ours the first point screens, and the others are its fresh runs.

    A run that never reached the target counts as a lower bound at the largest number there is.
    """
    finite = [each for each in (*points.epochs, *reference.epochs) if math.isfinite(each)]
    if not finite:
        raise ConvergenceError("no run of the points or of the reference reached the target")
    bound = max(finite)
    new = [_point(each, bound, "points", f"{i:06}") for i, each in enumerate(points.epochs)]
    runs = tuple(replace(p, role=FRESH if i else SCREEN) for i, p in enumerate(new))
    stored = tuple(_point(each, bound, reference.name, reference.when) for each in reference.epochs)
    case = Case(METRIC, stored, (), runs, replace(options, rerun=True))
    judgement = cases.judged(case, f"{points.name} against {reference.name}")
    return Compared(reference, points, judgement, rcp(points, reference))


def _point(epochs: float, bound: float, session: str, time: str) -> Point:
    censored = math.isinf(epochs)
    return Point(Reading(bound if censored else epochs, censored=censored), session, time)


def rcp(points: Points, reference: Points) -> RcpResult:
    """Return what the checker's rule says; for a batch size of its own, without interpolation."""
    trimmed = reference.trimmed
    fewest = 2 * trimmed + 1
    if len(points.epochs) < fewest or len(reference.epochs) <= fewest:
        return RcpResult(
            obstacle=f"it trims {trimmed} at either end: {fewest} new and {fewest + 1} reference "
            f"runs at least, not {len(points.epochs)} and {len(reference.epochs)}"
        )
    if reference.never:
        return RcpResult(obstacle=f"{reference.never} reference runs never reached the target")
    if points.never > trimmed:
        return RcpResult(never=points.never)
    new, stored = (_counted(each.epochs) for each in (points, reference))
    return RcpResult(
        mean=float(mlperf_rcp.olympic_mean(new, trimmed)[0]),
        limit=float(mlperf_rcp.limit(stored, len(points.epochs), trimmed)[0]),
        p_faster=float(mlperf_rcp.p_lower(new, stored, trimmed)[0]),
        # The mirrored question, on mirrored numbers: ours is about the slow side.
        p_slower=float(mlperf_rcp.p_lower(-new, -stored, trimmed)[0]),
        never=points.never,
    )


def _counted(epochs: Sequence[float]) -> Floats:
    return np.array([[NEVER if math.isinf(each) else each for each in epochs]])
