"""Device metrics where the base can run beside what is under test: pairs, by exact ranks.

Both sides meet the same night, unit and neighbours: drift, a noisy night and outliers cannot bias
the answer, and no stored number enters it.
"""

from __future__ import annotations

from accelbench.records import More
from accelbench.verdict import ranks
from accelbench.verdict.confirm.decision import CLEARED, REJECTED, SPENT, WAITING, Decision

KIND = "pairs"

LOOKS = (4, 8, 12)
SHARES = (0.0, 0.4, 0.6)
"""How a suspicion's rate is split over the looks: four pairs can clear, not reject."""
FUTILE = (0.20, 0.05, 1.0)
"""Each look clears at a larger p."""


def decide(new: ranks.Floats, base: ranks.Floats, alpha: float, judge: str) -> Decision:
    """Return the answer of the pairs so far, at a suspicion's rate alpha.

    `new` and `base`: one value (pairs,) each, worse is larger, in the order they were run.
    """
    made = min(len(new), len(base))
    for number, look in enumerate(LOOKS):
        if made < look:
            return Decision(WAITING, judge, more=More(KIND, look - made), runs=made)
        ours, theirs = new[:look], base[:look]
        limit = SHARES[number] * alpha
        p_value = ranks.p_greater(ours, theirs)
        if p_value <= limit:
            answer = REJECTED
        elif look == LOOKS[-1]:
            answer = SPENT
        elif p_value > FUTILE[number]:
            answer = CLEARED
        else:
            continue
        break
    shift, interval = ranks.shift(ours, theirs), ranks.interval(ours, theirs)
    return Decision(answer, judge, p_value, limit, shift, interval, runs=look)
