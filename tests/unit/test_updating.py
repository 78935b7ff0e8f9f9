"""The update rule: what joins a reference, what opens a new one, and why the rest does neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from accelbench.options import Options
from accelbench.records import Evaluation, Outcome, Run, Verdict
from accelbench.store import Baselines
from accelbench.updating import Plan, planned

MakeRun = Callable[..., Run]
TEST = "bench/test_training.py::test_training[alpha-cpu]"
PORTABLE = f"not recorded (portable metrics): {TEST}: "
DEVICE = f"not recorded (device metrics): {TEST}: "


class Runs:
    """Makes runs with numbers of their own, and stores some of them."""

    def __init__(self, make_run: MakeRun, options: Options) -> None:
        self.make_run = make_run
        self.options = options
        self.baselines = Baselines(options.settings.baselines)
        self.made = 0

    def __call__(
        self,
        losses: Sequence[float],
        night: str = "tonight",
        accuracies: Sequence[float] = (),
        seconds: Sequence[float] = (),
        **changes: object,
    ) -> list[Run]:
        runs = []
        for number, loss in enumerate(losses):
            accuracy = accuracies[number] if accuracies else 0.9
            changed = {"step_seconds_p50": seconds[number] if seconds else 0.01, **changes}
            self.made += 1
            runs.append(
                self.make_run(
                    run_id=f"run-{self.made}",
                    seed=self.made,
                    session_id=night,
                    evaluation=Evaluation(loss, 10_000, accuracy),
                    **changed,
                )
            )
        return runs

    def store(self, runs: Sequence[Run]) -> None:
        both = [(run, scope) for run in runs for scope in ("portable", "device")]
        self.baselines.add(both, "first", "A Person", segment=False)  # type: ignore[arg-type]  # two scopes

    def plan(self, *outcomes: Outcome, accepted: str | None = None, failed: bool = False) -> Plan:
        named = [(TEST, outcome) for outcome in outcomes]
        options = replace(self.options, update_baselines=True, accept_regression=accepted)
        return planned(named, {TEST} if failed else (), self.baselines, options)


@pytest.fixture
def runs(make_run: MakeRun, options: Options) -> Runs:
    return Runs(make_run, options)


SPREAD = [0.5 + 0.001 * n for n in range(10)]
SLOW = [0.01 + 0.0001 * n for n in range(10)]


def outcome(runs: Sequence[Run], *verdicts: Verdict) -> Outcome:
    return Outcome(runs[0], verdicts or (Verdict("loss", "passed"),), tuple(runs[1:]))


def appended(plan: Plan) -> list[tuple[str, str]]:
    return [(run.provenance.run_id, scope) for run, scope in plan.appended]


def open_suspicion(metric: str = "loss") -> Verdict:
    return Verdict(metric, "inconclusive", 0.9, suspected_by=("screen",))


# ------------------------------------------------------------------------------------- what joins
def test_passes_join_in_the_scopes_they_are_gated_in(runs: Runs) -> None:
    runs.store(runs(SPREAD, "old"))
    plan = runs.plan(outcome(runs(SPREAD[2:4])))
    assert appended(plan) == [("run-11", "portable"), ("run-12", "portable")]
    assert (plan.opening, plan.notes) == ({}, [])


@pytest.mark.parametrize("status", ["passed", "blind", "learning", "new", "workload changed"])
def test_runs_of_which_nobody_thinks_ill_join(runs: Runs, status: str) -> None:
    runs.store(runs(SPREAD, "old"))
    plan = runs.plan(outcome(runs([0.504]), Verdict("loss", status)))
    assert appended(plan) == [("run-11", "portable")]


def test_a_first_recording_has_nothing_to_be_measured_by(runs: Runs) -> None:
    plan = runs.plan(outcome(runs([0.1, 0.5, 3.0, 9.0, 0.2]), Verdict("loss", "new")))
    assert len(plan.appended) == 5
    assert plan.notes == []


# ---------------------------------------------------------------------------- refused by a verdict
@pytest.mark.parametrize(
    ("status", "next_step"),
    [
        ("inconclusive", "--seeds 10 makes the fresh runs that decide"),
        ("regressed", "--accept-regression REASON opens a new segment"),
        ("contended", "run again on a quiet host"),
        ("failed", "run it again"),
        ("pending", "run it again"),
        ("more", "run it again"),
    ],
)
def test_what_is_not_settled_is_refused_with_the_next_step(
    runs: Runs, status: str, next_step: str
) -> None:
    runs.store(runs(SPREAD, "old"))
    plan = runs.plan(outcome(runs([0.505]), Verdict("loss", status)))
    assert (plan.appended, plan.opening) == ([], {})
    assert plan.notes == [f"{PORTABLE}loss: {status}; {next_step}"]


def test_one_bad_metric_keeps_its_scope_out_and_no_other(runs: Runs) -> None:
    runs.store(runs(SPREAD, "old"))
    verdicts = (Verdict("accuracy", "passed"), open_suspicion(), Verdict("throughput", "passed"))
    plan = runs.plan(outcome(runs([0.505]), *verdicts))
    assert appended(plan) == [("run-11", "device")]
    assert [note.startswith(f"{PORTABLE}loss: inconclusive") for note in plan.notes] == [True]


def test_a_failed_test_is_refused_once_a_scope(runs: Runs) -> None:
    verdicts = (Verdict("loss", "passed"), Verdict("throughput", "passed"))
    plan = runs.plan(outcome(runs([0.5, 0.5]), *verdicts), failed=True, accepted="why")
    assert (plan.appended, plan.opening) == ([], {})
    assert plan.notes == [f"{PORTABLE}its test failed", f"{DEVICE}its test failed"]


# ---------------------------------------------------------------------------- refused by its runs
@pytest.mark.parametrize(
    ("losses", "why"),
    [
        ([0.3, 0.4, 0.5, 0.6, 0.7], "its runs scatter more than the reference's (F test, p "),
        ([0.511 + 0.001 * n for n in range(5)], "its runs lie elsewhere than the reference's (r"),
        ([0.499 - 0.001 * n for n in range(5)], "its runs lie elsewhere than the reference's (r"),
    ],
)
def test_a_session_unlike_the_reference_is_refused_whatever_its_verdict(
    runs: Runs, losses: list[float], why: str
) -> None:
    runs.store(runs(SPREAD, "old"))
    plan = runs.plan(outcome(runs(losses)))
    assert plan.appended == []
    (note,) = plan.notes
    assert note.startswith(f"{PORTABLE}loss: {why}")


def test_three_runs_say_too_little_to_be_refused(runs: Runs) -> None:
    runs.store(runs(SPREAD, "old"))
    assert len(runs.plan(outcome(runs([0.52, 0.53, 0.54]))).appended) == 3


def test_a_session_that_collapses_more_often_is_refused_and_its_good_runs_with_it(
    runs: Runs,
) -> None:
    runs.store(runs(SPREAD, "old", accuracies=[0.9 + 0.001 * n for n in range(10)]))
    tonight = runs([0.5] * 5, accuracies=[0.905, 0.2, 0.3, 0.904, 0.903])
    plan = runs.plan(outcome(tonight, Verdict("accuracy", "passed")))
    assert plan.appended == []
    assert plan.notes == [f"{PORTABLE}accuracy: 2 of its 5 runs collapsed, where 3% is usual"]


def test_one_collapse_in_five_is_left_out_alone(runs: Runs) -> None:
    # At the usual 3 % one of five happens in 14 of 100 sessions.
    runs.store(runs(SPREAD, "old", accuracies=[0.9 + 0.001 * n for n in range(10)]))
    tonight = runs([0.5] * 5, accuracies=[0.905, 0.2, 0.906, 0.904, 0.903])
    plan = runs.plan(outcome(tonight, Verdict("accuracy", "passed")))
    assert len(plan.appended) == 4
    assert "run-12" not in str(appended(plan))
    assert [note.startswith(f"{PORTABLE}it collapsed") for note in plan.notes] == [True]


# --------------------------------------------------------------------------------- device metrics
def nights(runs: Runs, count: int) -> None:
    for number in range(count):
        runs.store(runs([0.5] * 5, f"night-{number}", seconds=SLOW[:5]))


@pytest.mark.parametrize(("known", "joins"), [(1, True), (2, True), (3, False)])
def test_a_devices_reference_below_three_nights_still_learns_how_nights_differ(
    runs: Runs, known: int, joins: bool
) -> None:
    nights(runs, known)
    slower = runs([0.5] * 5, seconds=[0.02 + 0.0001 * n for n in range(5)])
    for verdict in (Verdict("throughput", "passed"), open_suspicion("throughput")):
        plan = runs.plan(outcome(slower, verdict))
        assert len(plan.appended) == (5 if joins else 0)
        assert plan.opening == {}
        assert len(plan.notes) == (0 if joins else 1)


def test_a_busy_hosts_timings_do_not_join_even_while_learning(runs: Runs) -> None:
    nights(runs, 1)
    busy = runs([0.5], foreign_cpu_cores=1.0)
    plan = runs.plan(outcome(busy, Verdict("throughput", "contended")))
    assert (plan.appended, plan.notes) == (
        [],
        [f"{DEVICE}throughput: contended; run again on a quiet host"],
    )


def test_a_noisy_night_of_a_device_is_refused_from_the_first_on(runs: Runs) -> None:
    nights(runs, 1)
    noisy = runs([0.5] * 5, seconds=[0.005, 0.01, 0.02, 0.03, 0.04])
    plan = runs.plan(outcome(noisy, Verdict("throughput", "passed")))
    assert plan.appended == []
    assert "throughput: its runs scatter more" in plan.notes[0]


# -------------------------------------------------------------------------------- a new reference
BETTER = Verdict("loss", "improved", new_runs=8)


def test_a_confirmed_improvement_opens_a_segment(runs: Runs) -> None:
    runs.store(runs(SPREAD, "old"))
    plan = runs.plan(outcome(runs([0.3 + 0.001 * n for n in range(9)]), BETTER))
    assert plan.appended == []
    ((reason, members),) = plan.opening.items()
    assert reason == "improved, confirmed by 8 fresh runs: loss"
    assert len(members) == 9
    assert {scope for _, scope in members} == {"portable"}


@pytest.mark.parametrize("status", ["regressed", "inconclusive"])
def test_an_improvement_bought_with_something_worse_opens_none(runs: Runs, status: str) -> None:
    runs.store(runs(SPREAD, "old"))
    worse = Verdict("accuracy", status, suspected_by=("screen",))
    plan = runs.plan(outcome(runs([0.3] * 9), BETTER, worse))
    assert (plan.appended, plan.opening) == ([], {})
    assert plan.notes[0].startswith(f"{PORTABLE}")


@pytest.mark.parametrize("verdict", [Verdict("loss", "regressed"), open_suspicion()])
def test_an_accepted_regression_or_suspicion_opens_a_segment_even_with_one_run(
    runs: Runs, verdict: Verdict
) -> None:
    runs.store(runs(SPREAD, "old"))
    plan = runs.plan(outcome(runs([0.9]), verdict), accepted="half the data")
    assert (plan.appended, plan.notes) == ([], [])
    assert [run.provenance.run_id for run, _ in plan.opening["half the data"]] == ["run-11"]


@pytest.mark.parametrize("status", ["passed", "blind"])
def test_a_suspicion_that_fresh_runs_cleared_is_nothing_to_accept(runs: Runs, status: str) -> None:
    runs.store(runs(SPREAD, "old"))
    cleared = Verdict("loss", status, suspected_by=("screen",), new_runs=3)
    plan = runs.plan(outcome(runs([0.506, 0.504, 0.503, 0.505]), cleared), accepted="why")
    assert plan.opening == {}
    assert len(plan.appended) == 4


def test_what_is_inconclusive_without_a_suspicion_cannot_be_accepted(runs: Runs) -> None:
    runs.store(runs(SPREAD, "old"))
    unread = Verdict("throughput", "inconclusive", message="no steady state in 80 steps")
    for _ in range(2):
        nights(runs, 3)
    plan = runs.plan(outcome(runs([0.5]), unread), accepted="why")
    assert (plan.appended, plan.opening) == ([], {})


def test_guesses_are_no_reference_whoever_accepts_them(runs: Runs) -> None:
    runs.store(runs(SPREAD, "old"))
    guesses = runs([2.3], accuracies=[0.1])
    plan = runs.plan(outcome(guesses, Verdict("loss", "regressed")), accepted="why")
    assert (plan.appended, plan.opening) == ([], {})
    assert "it learned nothing (accuracy 0.1" in plan.notes[0]
