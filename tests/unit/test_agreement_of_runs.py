"""Runs on two devices, paired by seed: what is compared, and what is said of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from accelbench.agreement import AGREEMENT, Trio, agreement
from accelbench.options import Options
from accelbench.records import Evaluation, Outcome, Run, Steps
from accelbench.report import agreement as report
from accelbench.report.tables import Paper
from accelbench.session import opened
from accelbench.verdict.agreement import DIFFERENT, EQUIVALENT, UNDECIDED

MakeRun = Callable[..., Run]
REFERENCE = (2.0, 1.0, 0.5)
YARDSTICK = (2.0, 1.1, 0.7)


@pytest.fixture
def trios(make_run: MakeRun) -> Callable[..., list[Trio]]:
    """Makes trios of three seeds: `accuracies` of the device, `losses` of all its runs."""

    def make(
        accuracies: Sequence[float] = (0.9, 0.9, 0.9),
        losses: Sequence[float] = REFERENCE,
        yardstick: Sequence[float] = YARDSTICK,
        **changes: object,
    ) -> list[Trio]:
        found = []
        for seed, accuracy in enumerate(accuracies):
            changed = {"device": "gpu-1", "seed": seed, **changes}
            evaluation = Evaluation(0.5, 360, accuracy)
            ours = make_run(evaluation=evaluation, steps=Steps(loss=tuple(losses)), **changed)
            sides = (
                make_run(seed=seed, steps=Steps(loss=tuple(each)))
                for each in (REFERENCE, yardstick)
            )
            found.append(Trio(ours, *sides))
        return found

    return make


MakeTrios = Callable[..., list[Trio]]


def test_equal_runs_are_equivalent(trios: MakeTrios) -> None:
    found = agreement(trios(), 0.04)
    assert found.status == EQUIVALENT
    assert found.message == (
        "alpha on gpu-1, beside cpu: accuracy equivalent: +0.00 points over 3 seeds "
        "(-0.19 to +0.19; allowed 4); losses agree: by 0 of what a learning rate 5 % higher makes "
        "of them, at step 1; allowed 0.5"
    )


def test_another_accuracy_is_a_difference(trios: MakeTrios) -> None:
    found = agreement(trios(accuracies=(0.8, 0.801, 0.799)), 0.04)
    assert found.status == DIFFERENT
    assert (
        "accuracy different: -10.00 points over 3 seeds (-10.19 to -9.81; allowed 4)"
        in found.message
    )


def test_other_losses_are_a_difference_though_the_accuracy_is_equal(trios: MakeTrios) -> None:
    found = agreement(trios(losses=(2.0, 1.1, 0.7)), 0.04)
    assert found.status == DIFFERENT
    assert "losses differ: by 1 of what a learning rate 5 % higher makes" in found.message
    assert "at step 2; allowed 0.5" in found.message


def test_scattered_accuracies_are_undecided_and_say_how_many_seeds_would_decide(
    trios: MakeTrios,
) -> None:
    found = agreement(trios(accuracies=(0.86, 0.9, 0.94)), 0.04)
    assert found.status == UNDECIDED
    # Five pairs: 2.132 x 0.04 / sqrt(5) = 0.038 < 0.04; four: 2.353 x 0.04 / 2 = 0.047.
    assert found.accuracy.more == 2
    assert "accuracy undecided" in found.message
    assert "2 more seeds would decide" in found.message


def test_several_looks_share_the_rate(trios: MakeTrios) -> None:
    one, two = (agreement(trios((0.89, 0.9, 0.91)), 0.04, looks).accuracy for looks in (1, 2))
    assert two.interval[1] > one.interval[1]
    # t(0.975, 2) over t(0.95, 2)
    assert two.interval[1] / one.interval[1] == pytest.approx(4.302653 / 2.919986, rel=1e-5)


def test_a_yardstick_that_moves_nothing_leaves_it_undecided(trios: MakeTrios) -> None:
    found = agreement(trios(yardstick=REFERENCE), 0.04)
    assert found.status == UNDECIDED
    assert "losses undecided" in found.message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 20}, "global batches of 20 on gpu-1 and of 10 on cpu"),
        ({"seed": 77}, "seeds 77 and 0 cannot be compared"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    trios: MakeTrios, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        agreement(trios(**changes), 0.04)


def test_a_workload_without_accuracy_is_refused(trios: MakeTrios) -> None:
    with pytest.raises(ValueError, match="alpha has no accuracy to compare"):
        agreement(trios(accuracies=(None,)), 0.04)


def test_the_table_has_one_row_for_each_comparison(trios: MakeTrios, options: Options) -> None:
    session = opened(options, gates=0)
    chosen = trios(accuracies=(0.89, 0.9, 0.91))
    found = agreement(chosen, 0.04)
    for trio in chosen[:-1]:
        session.outcomes += [("test", Outcome(run, ())) for run in (trio.reference, trio.ours)]
    session.outcomes.append(("test", Outcome(chosen[-1].ours, found.verdicts)))
    heading, row = (line.split() for line in report.rendered(session, Paper(130, colour=False)))
    assert heading[:3] == ["agreement", "device", "beside"]
    assert row == [
        "alpha", "gpu-1", "cpu", "3", "0.9", "+0.00",
        "-1.69", "to", "+1.69", "4", "0", "0.5", "passed",
    ]  # fmt: skip


def test_the_worse_of_both_findings_is_the_rows(trios: MakeTrios, options: Options) -> None:
    session = opened(options, gates=0)
    chosen = trios(losses=(2.0, math.nan, 0.5))
    found = agreement(chosen, 0.04)
    session.outcomes.append(("test", Outcome(chosen[0].ours, found.verdicts)))
    (_, row) = (line.split() for line in report.rendered(session, Paper(130, colour=False)))
    assert row[-3:] == ["-", "0.5", "failed"]
    assert [verdict.gated for verdict in found.verdicts] == [False, False]


def test_other_sessions_have_no_table(options: Options, make_run: MakeRun) -> None:
    session = opened(options, gates=0)
    session.outcomes.append(("test", Outcome(make_run(role=AGREEMENT), ())))
    assert report.rendered(session, Paper(130, colour=False)) == []
