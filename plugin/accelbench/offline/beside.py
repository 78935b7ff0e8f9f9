"""Two verdicts on the same convergence points side by side, and why they differ."""

from __future__ import annotations

import math
from collections.abc import Iterator

from accelbench.offline.convergence import Compared, RcpResult
from accelbench.offline.points import Points
from accelbench.peers import mlperf_rcp
from accelbench.records import Verdict
from accelbench.verdict import statuses
from accelbench.verdict.confirm import seeds
from accelbench.wording import counted, number, reasons, shown_status

_BELOW = "\n           "

FASTER, SLOWER, SAME, OPEN = "faster", "slower", "no change", "undecided"


def told(compared: Compared) -> Iterator[str]:
    """Yield the comparison part by part; the last says where the two differ."""
    verdict = compared.judgement.verdict
    options = compared.judgement.case.options
    yield f"reference  {_described(compared.reference)}"
    yield f"points     {_described(compared.points)}"
    yield f"accelbench {shown_status(verdict)}: {_BELOW.join(reasons(verdict, options))}"
    yield f"RCP rule   {_BELOW.join(_rcp(compared.rcp))}"
    yield f"compared   {_BELOW.join(_difference(compared))}"


def _described(points: Points) -> str:
    epochs = sorted(points.epochs)
    size = "" if points.batch_size is None else f", batch size {points.batch_size:g}"
    never = f", {points.never} never reached the target" if points.never else ""
    runs = counted(len(epochs), "run")
    return f"{points.name}: {runs}, {number(epochs[0])} to {number(epochs[-1])}{size}{never}"


def _rcp(rcp: RcpResult) -> list[str]:
    if rcp.obstacle:
        return [f"cannot be asked: {rcp.obstacle}"]
    if math.isnan(rcp.mean):
        never = counted(rcp.never, "run")
        return [f"fails: {never} never reached the target, more than it leaves out"]
    word, sign = ("fails, too fast", "<") if rcp.too_fast else ("passes", ">=")
    return [
        f"{word}: trimmed mean {number(rcp.mean)} {sign} {number(rcp.limit)}",
        f"p {rcp.p_faster:.2g} of being faster, and it fails at {mlperf_rcp.ALPHA}",
        f"p {rcp.p_slower:.2g} of being slower, which it does not look at",
    ]


def _difference(compared: Compared) -> list[str]:
    ours, theirs = _ours(compared.judgement.verdict), _theirs(compared.rcp)
    if compared.rcp.obstacle:
        return ["only accelbench has an answer"]
    if ours == theirs:
        return [f"both see the same: {ours}"]
    return [
        f"they differ: {ours} for accelbench, {theirs} for the RCP rule",
        f"since {_because(compared, ours, theirs)}",
    ]


def _ours(verdict: Verdict) -> str:
    known = {
        statuses.REGRESSED: SLOWER,
        statuses.IMPROVED: FASTER,
        statuses.PASSED: SAME,
        statuses.BLIND: SAME,
    }
    return known.get(verdict.status, OPEN)


def _theirs(rcp: RcpResult) -> str:
    """Return what the rule's own test says of either side, though it acts on one only."""
    if rcp.too_fast:
        return FASTER
    return SLOWER if rcp.failed or rcp.slower else SAME


def _because(compared: Compared, ours: str, theirs: str) -> str:
    verdict, options = compared.judgement.verdict, compared.judgement.case.options
    if verdict.more is not None:
        missing = f"{verdict.more.count} more are needed to decide at {options.alpha:.2g}"
        return f"our verdict rests on the fresh runs alone, and {missing}; the rule tests at 0.05"
    if ours == OPEN:
        return f"ours needs more than it has: {verdict.message or verdict.status}"
    if theirs == SAME:
        return "the rule compares means without the extremes, and ours ranks every fresh run"
    if theirs == FASTER:
        looks = seeds.LOOKS[-1]
        return (
            "ours suspects only what is worse, and calls a gain improved once "
            f"{looks} fresh runs confirm it"
        )
    if not verdict.new_runs:
        return (
            "our first run is within what the reference predicts, so that nothing is suspected; "
            "the rule tests the trimmed mean at 0.05, however often it is asked"
        )
    return (
        f"ours asks for {options.alpha:.2g} by exact ranks; the rule for 0.05 by a t-test of the "
        "trimmed means, with the reference's spread alone"
    )
