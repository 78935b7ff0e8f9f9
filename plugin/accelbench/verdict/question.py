"""One metric's question, with all that its answer is computed from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from accelbench.records import Reading, Verdict
from accelbench.verdict import collapse, cusum, floors, screen, suspicion
from accelbench.verdict.evidence import (
    FRESH,
    NEW,
    SCREEN,
    JudgeOptions,
    Point,
    of_role,
)
from accelbench.verdict.sample import Sample, sample
from accelbench.verdict.scale import Scale, scale_of
from accelbench.verdict.trajectory import CHANGED

if TYPE_CHECKING:
    from accelbench.metrics import Metric


@dataclass(frozen=True)
class Question:
    """A metric, its stored points that count, the runs, and the options; `sign` -1 mirrors it."""

    metric: Metric
    reference_points: tuple[Point, ...]
    history_points: tuple[Point, ...]
    runs: tuple[Point, ...]
    options: JudgeOptions
    sign: float = 1.0

    @classmethod
    def of(
        cls,
        metric: Metric,
        reference: Sequence[Point],
        history: Sequence[Point],
        runs: Sequence[Point],
        options: JudgeOptions,
    ) -> Question:
        """Return the question; stored points that are not finite do not count.

        Nor do nights that never reached their target: a lower bound is no value to measure by.
        """

        def finite(points: Sequence[Point]) -> tuple[Point, ...]:
            return tuple(p for p in points if math.isfinite(p.reading.value))

        reached = tuple(p for p in finite(history) if not p.reading.censored)
        return cls(metric, finite(reference), reached, tuple(runs), options)

    def mirrored(self) -> Question:
        """Return the same question about the better side."""
        return replace(self, sign=-self.sign)

    @property
    def first(self) -> Point:
        """The test's own run."""
        return of_role(self.runs, SCREEN)[0]

    @property
    def new_points(self) -> tuple[Point, ...]:
        """The fresh runs of what is under test."""
        return of_role(self.runs, FRESH, NEW)

    @property
    def stored_runs(self) -> int:
        """How many stored runs there are."""
        return len(self.reference_points) + len(self.history_points)

    @cached_property
    def middle(self) -> float:
        """The median of the reference runs, in the metric's unit."""
        return float(median(p.reading.value for p in self.reference_points))

    @property
    def smallest_effect(self) -> float:
        """The smallest change worth a person's time."""
        declared = self.options.smallest_effect
        return self.metric.smallest_effect if declared is None else declared

    @property
    def portable(self) -> bool:
        """Whether fresh seeds decide: any machine gives the same distribution."""
        return self.metric.scope == "portable"

    @cached_property
    def scale(self) -> Scale:
        """The metric's scale, for as many trials as the run has."""
        return scale_of(self.metric.scale, self.first.reading)

    @cached_property
    def reference(self) -> Sample:
        """The reference runs."""
        return self.sample(self.reference_points)

    @cached_property
    def history(self) -> Sample:
        """The accepted runs of the nights since."""
        return self.sample(self.history_points)

    def sample(self, points: Sequence[Point]) -> Sample:
        """Return points on the scale, in the order of time, worse above."""
        found = sample(self.metric, self.scale, points)
        if self.sign > 0:
            return found
        return replace(found, values=-found.values, controls=-found.controls)

    @cached_property
    def resolution(self) -> float:
        """The spread below which equal readings say nothing: their own resolution."""
        return min(self.scale.resolution(p.reading) for p in self.reference_points)

    @cached_property
    def line(self) -> float | None:
        """Where a run has collapsed, on the turned scale; None for metrics that know no chance."""
        if self.metric.scale != "logit" or self.sign < 0 or not self.reference_points:
            return None
        level = collapse.line([self.middle], self.options.chance)
        if level is None:
            return None
        trials = self.first.reading.trials
        return self.metric.worse * self.scale.forward(Reading(level, trials=trials))

    @cached_property
    def screened(self) -> suspicion.Screened:
        """What the screen says of the test's own run."""
        ordered = [self.reference, self.history]
        values = np.concatenate([s.values for s in ordered])
        controls = np.concatenate([s.controls for s in ordered])
        if self.portable and self.line is not None:
            values = np.where(values > self.line, np.nan, values)
        tonight = self.sample([self.first])
        adjusts = bool(np.isfinite(tonight.controls).all() and np.isfinite(controls).any())
        nights = len({*self.reference.sessions, *self.history.sessions})
        stored = screen.Stored(values[None], controls[None] if adjusts else None, nights)
        return suspicion.screened(
            tonight.values,
            tonight.controls if adjusts else None,
            stored,
            len(self.history),
            np.array([self.resolution]),
        )

    @cached_property
    def suspicions(self) -> tuple[str, ...]:
        """What nominates the metric; empty for none."""
        value = float(self.sample([self.first]).values[0])
        known = bool(self.reference_points)
        early = self.options.trajectory
        hints = {
            suspicion.BY_SCREEN: known and self.screened.p_worse[0] < self.options.screen,
            suspicion.BY_COLLAPSE: self.line is not None and value > self.line,
            suspicion.BY_FLOOR: floors.broken(self.metric, self.options.floor, self.first),
            suspicion.BY_CUSUM: known and self.screened.cusum[0] > cusum.LIMIT,
            suspicion.by_trajectory(early.step): early.status == CHANGED,
            suspicion.BY_CENSORING: self.first.reading.censored,
        }
        return tuple(name for name, found in hints.items() if found)

    @property
    def looks_better(self) -> bool:
        """Whether the screen suspects an improvement."""
        return bool(self.screened.p_better[0] < self.options.screen)

    def in_order(self, points: Sequence[Point]) -> Sample:
        """Return a sample in the order given: looks are taken as the runs came."""
        numbered = [replace(point, time=f"{i:09}") for i, point in enumerate(points)]
        return self.sample(numbered)

    def verdict(self, status: str) -> Verdict:
        """Return a verdict with what every one says: value, reference, bound, counts."""
        sessions = len({point.session for point in self.reference_points})
        return Verdict(
            self.metric.name,
            status,
            self.first.reading.value,
            self.middle if self.reference_points else None,
            bound=self._bound(),
            screen_p=float(self.screened.p_worse[0]) if self._screens else None,
            reference_runs=len(self.reference_points),
            reference_sessions=sessions,
            history_runs=len(self.history_points),
        )

    @property
    def _screens(self) -> bool:
        """Whether there is anything to screen by."""
        stored = bool(self.reference_points) and self.stored_runs >= 2
        return stored and self.options.exact_digits is None

    def _bound(self) -> float | None:
        """Return where the screen begins to suspect, in the metric's unit."""
        if not self._screens:
            return None
        bound = self.screened.bound
        reach = screen.reach(bound, self.options.screen)
        point = float(self.metric.worse * (bound.centre + reach)[0])
        return self.scale.back(point) if math.isfinite(point) else None
