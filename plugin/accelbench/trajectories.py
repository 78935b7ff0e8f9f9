"""Finds the stored run whose first losses a run must repeat, and compares them."""

from __future__ import annotations

from collections.abc import Sequence

from accelbench.records import Pairs, Run
from accelbench.store.identity import key_of
from accelbench.verdict.trajectory import Trajectory, compare

UNRELATED = frozenset({"accelbench", "commit", "host"})
"""Treatment that an equal stack may differ in: what is under test, and where it stands."""


def early(run: Run, stored: Sequence[Run]) -> Trajectory:
    """Compare a run's first losses with those of the stored runs of its seed and its stack.

    The latest of them is what it must repeat; the earlier ones say how well repeats agree. Nothing
    is known where no stored run has the run's seed, its identity, its device and an equal stack.
    """
    same = [
        each
        for each in sorted(stored, key=lambda r: (r.provenance.time, r.provenance.run_id))
        if each.spec.seed == run.spec.seed
        and each.provenance.run_id != run.provenance.run_id
        and key_of(each, "device") == key_of(run, "device")
        and _stack(each) == _stack(run)
    ]
    if not same:
        return Trajectory()
    *earlier, latest = (each.steps.loss for each in same)
    return compare(run.steps.loss, latest, earlier)


def _stack(run: Run) -> Pairs:
    return tuple(pair for pair in run.provenance.treatment if pair[0] not in UNRELATED)
