"""Which runs of the history later ones are screened against: those that were accepted."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from accelbench.store.history import REFERENCE
from accelbench.store.past import Past
from accelbench.verdict import Point
from accelbench.verdict.statuses import ACCEPTED, INCONCLUSIVE


def accepted(
    past: Sequence[Past], since: str = "", without: Collection[str] = ()
) -> tuple[Point, ...]:
    """Return the accepted ones of a metric's past readings, as points in the order of time.

    `since`: the time of the segment's first run; what came before belongs to an older one.
    `without`: ids of runs or sessions that do not count: reference runs, tonight's own.

    A suspicion that nothing could confirm counts too where the next session did not share it. Left
    out, every tenth night would be, always the worst ones, and the screen would grow tighter with
    each; taken in at once, a regression that nobody confirms would become the measure.
    """
    kept: list[Point] = []
    chance = False
    for each in sorted(past, key=lambda p: (p.time, p.run_id), reverse=True):
        if each.role == REFERENCE or {each.run_id, each.session_id} & set(without):
            continue
        if each.time >= since and (
            each.status in ACCEPTED or (each.status == INCONCLUSIVE and chance)
        ):
            kept.append(Point(each.reading, each.session_id, each.time, each.unit))
        chance = each.status in ACCEPTED
    return tuple(reversed(kept))
