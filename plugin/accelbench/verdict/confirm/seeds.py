"""Portable metrics: fresh seeds against the stored healthy ones, by exact ranks.

Collapses are counted apart: they happen to healthy code too, and one of them says nothing about a
shift of the healthy runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from accelbench.records import More
from accelbench.verdict import collapse, ranks
from accelbench.verdict.confirm.decision import CLEARED, REJECTED, SPENT, WAITING, Decision
from accelbench.verdict.evidence import FRESH
from accelbench.verdict.sample import Sample

JUDGE = "fresh seeds"
KIND = FRESH

LOOKS = (3, 8)
"""Fresh runs at which a shift is looked for."""
COLLAPSE_RUNS = (12, 16)
"""Further fresh runs where the eight point at collapses, by odds of one or more, and do not show
them yet: half of all runs may collapse and four of eight be healthy."""
SHARES = (0.3, 0.7)
"""How the rate of the shift is split over the looks."""
SHIFT_SHARE = 0.7
"""The shift's share of a suspicion's rate where collapses are told apart; they have the rest."""
FUTILE = 0.15
"""The first look clears at a larger p, if nothing collapsed."""

ANCHORED = 0.001
"""History joins the reference in the judge's sample only while it does not differ from it at this
level: what crept in night by night must not become the measure."""


@dataclass(frozen=True)
class Seeds:
    """Stored runs, the suspicious one and fresh ones; `line`: where a run has collapsed, if known.

    Worse is larger: collapsed runs lie above the line.
    """

    reference: Sample
    history: Sample
    first: Sample
    fresh: Sample
    line: float | None = None

    @property
    def healthy(self) -> ranks.Floats:
        """The stored healthy values that fresh ones are compared with."""
        reference = self._healthy(self.reference.values)
        history = self._healthy(self.history.values)
        if not len(history) or self._crept(reference, history):
            return reference
        return np.concatenate([reference, history])

    @property
    def others(self) -> ranks.Floats:
        """What the fresh values are ranked among: the stored ones and the one under suspicion.

        The screen's choice made the suspect bad beside the stored runs, and so these good beside
        everything: alone, they would be rejected against three times as often as is stated. With
        the suspect among them the choice favours no side.
        """
        return np.concatenate([self.healthy, self._healthy(self.first.values)])

    @staticmethod
    def _crept(reference: ranks.Floats, history: ranks.Floats) -> bool:
        if len(reference) < LOOKS[0]:
            return False
        return ranks.p_differs(history, reference) < ANCHORED

    def _healthy(self, values: ranks.Floats) -> ranks.Floats:
        return values if self.line is None else values[values <= self.line]


def least_p(stored: int) -> float:
    """Return the smallest p that the last look could reach against so many stored runs."""
    return ranks.least_p(LOOKS[-1], stored)


def last_alpha(alpha: float, *, collapses: bool) -> float:
    """Return the rate of the last look's shift."""
    return SHARES[-1] * (SHIFT_SHARE if collapses else 1.0) * alpha


def decide(seeds: Seeds, alpha: float) -> Decision:
    """Return the answer of the fresh runs so far, at a suspicion's rate alpha.

    Collapse: an e-process, looked at after every run. Shift: exact ranks of the healthy runs among
    the stored healthy ones after 3 and 8 fresh runs.
    """
    made = len(seeds.fresh)
    collapsed, odds = _collapsed(seeds, alpha)
    if collapsed is not None:
        return collapsed
    for look, share in zip(LOOKS, SHARES, strict=True):
        if made < look:
            return Decision(WAITING, JUDGE, more=More(KIND, look - made), runs=made)
        limit = share * (1.0 if seeds.line is None else SHIFT_SHARE) * alpha
        decision = _looked(seeds, look, limit)
        if decision.answer != WAITING:
            break
    further = [runs - made for runs in COLLAPSE_RUNS if runs > made]
    if decision.answer == SPENT and odds >= 1 and further:
        return replace(decision, answer=WAITING, more=More(KIND, further[0]))
    return decision


def _collapsed(seeds: Seeds, alpha: float) -> tuple[Decision | None, float]:
    """Return the answer where the fresh runs collapse too often, and the odds that they do."""
    if seeds.line is None:
        return None, 0.0
    stored = np.concatenate([seeds.reference.values, seeds.history.values])
    usual = collapse.usual_rate(int((stored > seeds.line).sum()), len(stored))
    limit = (1 - SHIFT_SHARE) * alpha
    down, odds = 0, 0.0
    for count, value in enumerate(seeds.fresh.values[: COLLAPSE_RUNS[-1]], 1):
        down += bool(value > seeds.line)
        odds = collapse.e_value(down, count - down, usual)
        if odds * limit >= 1:
            cause = f"{down} of {count} fresh runs collapsed"
            shift, interval = _measured(seeds, count)
            return Decision(
                REJECTED, JUDGE, 1 / odds, limit, shift, interval, count, None, cause
            ), odds
    return None, odds


def _looked(seeds: Seeds, look: int, limit: float) -> Decision:
    fresh = seeds._healthy(seeds.fresh.values[:look])
    p_value = ranks.p_greater(fresh, seeds.others)
    shift, interval = _measured(seeds, look)
    last = look == LOOKS[-1]
    if p_value <= limit:
        answer = REJECTED
    elif last:
        answer = SPENT
    elif p_value > FUTILE and len(fresh) == look:
        answer = CLEARED
    else:
        answer = WAITING
    return Decision(answer, JUDGE, p_value, limit, shift, interval, runs=look)


def _measured(seeds: Seeds, look: int) -> tuple[float | None, tuple[float, float] | None]:
    """Return the shift of the fresh runs, collapsed ones included, and its interval."""
    fresh = seeds.fresh.values[:look]
    stored = seeds.reference.values
    if not len(fresh) or not len(stored):
        return None, None
    return ranks.shift(fresh, stored), ranks.interval(fresh, stored)
