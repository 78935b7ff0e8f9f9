"""Rows of a scaling test: from its outcomes alone, with or without the published figures."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from scipy.stats import ttest_1samp

from accelbench.options import Options
from accelbench.records import Evaluation, Outcome, Run
from accelbench.report import scaling as report
from accelbench.report.tables import Paper
from accelbench.scaling import SCALING, rows
from accelbench.session import opened

MakeRun = Callable[..., Run]
EFFICIENCIES = (0.9, 1.0, 0.8)


def outcomes(make_run: MakeRun, *, published: bool = True, recorded: bool = False) -> list[Outcome]:
    """Return the outcomes of three rounds of one device and of two."""
    alone = [
        make_run(device="cpu", role=SCALING, epochs=make_run().epochs[: i + 1]) for i in range(2)
    ]
    several = [
        make_run(
            device="cpu-2",
            replicas=2,
            batch_size=20,
            step_seconds_p50=0.01,
            one_replica_throughput=1000.0 / efficiency,
            evaluation=Evaluation(0.5, 360, 0.9 + i / 100),
        )
        for i, efficiency in enumerate(EFFICIENCIES)
    ]
    figures = ((("seconds", 610.0),), (("seconds", 324.0),)) if published else ((), ())
    found = [Outcome(run, (), published=figures[0]) for run in alone]
    first, *others = several
    if recorded:
        return [*found, Outcome(first, (), tuple(others), published=figures[1])]
    found.append(Outcome(first, (), published=figures[1]))
    return [*found, *(Outcome(run, ()) for run in others)]


@pytest.mark.parametrize("recorded", [False, True])
def test_efficiency_is_the_geometric_mean_of_the_rounds_with_its_interval(
    make_run: MakeRun, recorded: bool
) -> None:
    one, two = rows(outcomes(make_run, recorded=recorded))
    logs = [math.log(each) for each in EFFICIENCIES]
    expected = ttest_1samp(logs, 0.0).confidence_interval(0.95)
    assert two.efficiency == pytest.approx(math.exp(sum(logs) / 3))
    assert two.interval == pytest.approx((math.exp(expected.low), math.exp(expected.high)))
    assert two.speed_up == pytest.approx(2 * math.exp(sum(logs) / 3))
    assert (one.rounds, one.speed_up, one.efficiency) == (2, 1.0, None)


def test_seconds_and_accuracy_are_medians_over_the_rounds(make_run: MakeRun) -> None:
    one, two = rows(outcomes(make_run))
    assert one.seconds == pytest.approx(2.5)  # of 2 and 3
    assert two.seconds == pytest.approx(3.0)
    assert two.accuracy == pytest.approx(0.91)


def test_the_published_figure_is_an_efficiency(make_run: MakeRun) -> None:
    _, two = rows(outcomes(make_run))
    assert two.published == pytest.approx(610 / 324 / 2)
    _, without = rows(outcomes(make_run, published=False))
    assert without.published is None


def test_other_tests_have_no_rows(make_run: MakeRun) -> None:
    assert rows([]) == ()
    assert rows([Outcome(make_run(), ())]) == ()
    assert rows([Outcome(make_run(role=SCALING), ())]) == ()


def test_one_round_has_an_efficiency_and_no_interval(make_run: MakeRun) -> None:
    all_of_them = outcomes(make_run)
    _, two = rows([all_of_them[0], all_of_them[2]])
    assert two.efficiency == pytest.approx(0.9)
    assert two.interval == (0.0, math.inf)


def test_the_table_shows_both_devices_and_the_published_shape(
    make_run: MakeRun, options: Options
) -> None:
    session = opened(options, gates=1)
    session.outcomes += [("test_scaling[mnist-cpu-2]", each) for each in outcomes(make_run)]
    heading, one, two = (
        line.split() for line in report.rendered(session, Paper(120, colour=False))
    )
    assert heading[:3] == ["scaling", "device", "devices"]
    assert one == ["alpha", "cpu", "1", "2", "2.5", "1.00", "-", "-", "0.9", "-"]
    assert two == [
        "alpha", "cpu-2", "2", "3", "3", "1.79", "0.90",
        "0.68", "to", "1.18", "0.91", "1.88", "(0.94)",
    ]  # fmt: skip


def test_a_session_without_scaling_has_no_table(options: Options, make_run: MakeRun) -> None:
    session = opened(options, gates=1)
    session.outcomes.append(("test_training[alpha-cpu]", Outcome(make_run(), ())))
    assert report.rendered(session, Paper(120, colour=False)) == []
