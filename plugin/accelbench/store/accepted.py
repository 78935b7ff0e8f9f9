"""Which runs of the history later ones are screened against: those that were accepted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from accelbench.store.history import REFERENCE
from accelbench.store.past import Past
from accelbench.verdict import Point
from accelbench.verdict.statuses import ACCEPTED, FAILED, INCONCLUSIVE, REGRESSED

_SUSPECT = frozenset({INCONCLUSIVE, REGRESSED, FAILED})


def accepted(
    past: Sequence[Past], since: str = "", without: Collection[str] = ()
) -> tuple[Point, ...]:
    """Return the accepted ones of a metric's past readings, as points in the order of time.

    `since`: the time of the segment's first run; what came before belongs to an older one.
    `without`: ids of runs or sessions that do not count: reference runs, tonight's own.

    A suspicion that nothing could confirm counts too where the next session that judged the metric
    did not share it. Left out, every tenth night would be, always the worst ones, and the screen
    would grow tighter with each; taken in at once, a regression that nobody confirms would become
    the measure.
    """
    left_out = set(without)
    counted = [p for p in past if p.role != REFERENCE and not {p.run_id, p.session_id} & left_out]
    kept: list[Past] = []
    cleared = False
    for night in _latest_first(counted):
        joins = ACCEPTED | {INCONCLUSIVE} if cleared else ACCEPTED
        kept += [each for each in night if each.time >= since and each.status in joins]
        said = {each.status for each in night} & (ACCEPTED | _SUSPECT)
        cleared = not said & _SUSPECT if said else cleared
    return tuple(
        Point(each.reading, each.session_id, each.time, each.unit)
        for each in sorted(kept, key=lambda each: (each.time, each.run_id))
    )


def _latest_first(past: Sequence[Past]) -> Iterator[list[Past]]:
    """Yield the readings of each session, by its first one."""
    nights: dict[str, list[Past]] = {}
    for each in past:
        nights.setdefault(each.session_id, []).append(each)
    starts = {session: min(each.time for each in night) for session, night in nights.items()}
    for session in sorted(nights, key=lambda session: (starts[session], session), reverse=True):
        yield nights[session]
