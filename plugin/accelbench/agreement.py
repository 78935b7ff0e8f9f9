"""Whether a device trains as another one does: the same workload and seeds on both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from accelbench.records import Run, Verdict
from accelbench.verdict import statuses
from accelbench.verdict.agreement import (
    DIFFERENT,
    EQUIVALENT,
    LEVEL,
    LIMIT,
    UNDECIDED,
    YARDSTICK,
    Course,
    Equivalence,
    course,
    equivalence,
)
from accelbench.wording import counted

AGREEMENT = "agreement"
"""The role of a run that was made to be compared with one on another device."""

ACCURACY, LOSSES = "accuracy agreement", "loss agreement"
"""What the two verdicts are of: no metrics, for no baseline judges them."""

_STATUS = {
    EQUIVALENT: statuses.PASSED,
    DIFFERENT: statuses.FAILED,
    UNDECIDED: statuses.INCONCLUSIVE,
}


@dataclass(frozen=True)
class Trio:
    """Three runs of one seed: on the device, on the reference device, and the yardstick's.

    The yardstick is the reference device's with the learning rate `YARDSTICK` higher; its first
    losses are all that is used of it.
    """

    ours: Run
    reference: Run
    yardstick: Run


@dataclass(frozen=True)
class Agreement:
    """What was found: of the final accuracy, and of the early losses."""

    trios: tuple[Trio, ...]
    accuracy: Equivalence
    losses: Course

    @property
    def status(self) -> str:
        """Equivalent, different or undecided, of both."""
        if self.accuracy.status == DIFFERENT or self.losses.within is False:
            return DIFFERENT
        if self.accuracy.status == UNDECIDED or self.losses.within is None:
            return UNDECIDED
        return EQUIVALENT

    @property
    def message(self) -> str:
        """What was found, how much, against what."""
        ours, theirs = (side.spec.device for side in (self.trios[0].ours, self.trios[0].reference))
        head = f"{self.trios[0].ours.spec.workload} on {ours}, beside {theirs}: "
        return head + "; ".join((self._of_accuracy(), self._of_losses()))

    def _of_accuracy(self) -> str:
        found = self.accuracy
        middle, low, high = map(_points, (found.difference, *found.interval))
        text = (
            f"accuracy {found.status}: {middle} points over "
            f"{counted(found.pairs, 'seed')} ({low} to {high}; allowed {100 * found.margin:.2g})"
        )
        if found.status == UNDECIDED:
            wanted = "no number of seeds" if found.more is None else f"{found.more} more seeds"
            text += f", {wanted} would decide"
        return text

    def _of_losses(self) -> str:
        found = self.losses
        measure = f"what a learning rate {100 * YARDSTICK:.0f} % higher makes of them"
        if found.within is None:
            return f"losses undecided: {measure} is less than rounding"
        text = f"{found.ratio:.2g} of {measure}, at step {found.step}; allowed {LIMIT:g}"
        return f"losses {'agree' if found.within else 'differ'}: by {text}"

    @property
    def verdicts(self) -> tuple[Verdict, Verdict]:
        """Return both findings, as an outcome carries them."""
        found, losses = self.accuracy, self.losses
        of_losses = {True: EQUIVALENT, False: DIFFERENT, None: UNDECIDED}[losses.within]
        ends = found.interval if all(map(math.isfinite, found.interval)) else ()
        return (
            Verdict(
                ACCURACY,
                _STATUS[found.status],
                value=fmean(_accuracy(trio.ours) for trio in self.trios),
                reference=fmean(_accuracy(trio.reference) for trio in self.trios),
                bound=found.margin,
                effect=found.difference,
                interval=ends,
                gated=False,
                new_runs=found.pairs,
                alpha=LEVEL,
            ),
            Verdict(
                LOSSES,
                _STATUS[of_losses],
                value=losses.ratio if math.isfinite(losses.ratio) else None,
                bound=LIMIT,
                gated=False,
                new_runs=found.pairs,
            ),
        )


def agreement(trios: Sequence[Trio], margin: float, looks: int = 1) -> Agreement:
    """Compare runs on two devices, paired by seed.

    `margin`: the difference in accuracy that matters, a fraction. `looks`: how often the question
    may be asked while seeds are added; the rate of error is divided among them. ValueError where
    the runs cannot be compared: other seeds, other global batches, no accuracy.
    """
    for trio in trios:
        _comparable(trio)
    samples = trios[0].ours.evaluation.samples if trios[0].ours.evaluation else 1
    found = equivalence(
        [_accuracy(trio.ours) - _accuracy(trio.reference) for trio in trios],
        margin,
        level=LEVEL / looks,
        resolution=1 / samples,
    )
    losses = course(
        [trio.ours.steps.loss for trio in trios],
        [trio.reference.steps.loss for trio in trios],
        [trio.yardstick.steps.loss for trio in trios],
    )
    return Agreement(tuple(trios), found, losses)


def _comparable(trio: Trio) -> None:
    ours = trio.ours
    for other in (trio.reference, trio.yardstick):
        if other.spec.seed != ours.spec.seed:
            raise ValueError(f"seeds {ours.spec.seed} and {other.spec.seed} cannot be compared")
        if other.counters.batch_size != ours.counters.batch_size:
            raise ValueError(
                f"the losses of global batches of {ours.counters.batch_size} on "
                f"{ours.spec.device} and of {other.counters.batch_size} on {other.spec.device} "
                "cannot be compared: set batch_size, which is each replica's own"
            )


def _points(difference: float) -> str:
    """Return a difference of fractions in points; one that rounds to nothing has no minus."""
    return f"{round(100 * difference, 2) + 0.0:+.2f}"


def _accuracy(run: Run) -> float:
    if run.evaluation is None or run.evaluation.accuracy is None:
        raise ValueError(f"{run.spec.workload} has no accuracy to compare")
    return run.evaluation.accuracy
