"""Judging a whole run: contended, changed, inconclusive, and what a regression's message says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from accelbench.check import FOREIGN_CPU_CORES, Court, contended
from accelbench.records import Evaluation, Run, Verdict
from accelbench.store import Baselines
from accelbench.store.baselines import SCOPES

MakeRun = Callable[..., Run]

GATED = ("accuracy", "loss", "throughput")
COMMAND = 'pytest "bench/test_x.py::test" --update-baselines --accept-regression "REASON"'


def reference_runs(make_run: MakeRun) -> list[Run]:
    """Return ten healthy runs of two sessions with a spread of 1 %."""
    return [
        make_run(
            run_id=f"run-{number}",
            seed=number,
            session_id=f"session-{number % 2}",
            evaluation=Evaluation(0.5 + 0.005 * (number % 4), 360, 0.9 + 0.003 * (number % 3)),
            step_seconds_p50=0.01 + 0.0001 * (number % 4),
        )
        for number in range(10)
    ]


@pytest.fixture
def court(tmp_path: Path, make_run: MakeRun) -> Court:
    baselines = Baselines(tmp_path)
    runs = [(run, scope) for run in reference_runs(make_run) for scope in SCOPES]
    baselines.add(runs, "recorded", "A Person", segment=False)
    return Court(baselines, gates=3, accept_command=COMMAND)


def judged(court: Court, run: Run, exact_digits: int | None = None) -> dict[str, Verdict]:
    return {each.metric: each for each in court.verdicts(run, GATED, exact_digits)}


def test_a_run_like_its_references_passes_and_shows_the_rest(
    court: Court, make_run: MakeRun
) -> None:
    verdicts = court.verdicts(make_run(target_accuracy=0.99), GATED, None)
    assert [v.metric for v in verdicts[:3]] == list(GATED)
    assert {v.status for v in verdicts[:3]} == {"passed"}
    assert {v.reference_sessions for v in verdicts[:3]} == {2}
    shown = {v.metric: v for v in verdicts[3:]}
    assert {v.status for v in shown.values()} == {"shown"}
    assert not any(v.gated for v in shown.values())
    assert "epoch_seconds" in shown
    assert shown["time_to_accuracy"].message == "not reached"


def test_metrics_that_a_run_does_not_have_are_not_shown(court: Court, make_run: MakeRun) -> None:
    names = {v.metric for v in court.verdicts(make_run(peak_memory_bytes=0), GATED, None)}
    assert not {"peak_memory_bytes", "time_to_accuracy"} & names


def test_a_regression_says_value_reference_bound_runs_stack_seed_and_command(
    court: Court, make_run: MakeRun
) -> None:
    run = make_run(
        seed=77,
        evaluation=Evaluation(0.9, 360, 0.6),
        treatment=(("driver", "2.0"), ("python", "3.11.7")),
    )
    verdict = judged(court, run)["loss"]
    assert verdict.status == "regressed"
    assert verdict.bound is not None
    lines = verdict.message.split("\n  ")
    assert lines[0].startswith(
        "loss regressed: 0.9 against 0.505 (10 runs in 2 sessions since 2026-01-02), "
        f"bound {verdict.bound:.5g}, +78 %, p "
    )
    assert lines[0].endswith(" below 0.0033")
    assert lines[1] == "differs from the reference runs in driver: ? -> 2.0"
    assert lines[2] == f"seed 77; accept it with: {COMMAND}"
    assert judged(court, run)["accuracy"].status == "regressed"
    assert judged(court, run)["throughput"].status == "passed"


def test_an_equal_stack_is_not_mentioned(court: Court, make_run: MakeRun) -> None:
    message = judged(court, make_run(evaluation=Evaluation(0.9, 360, 0.9)))["loss"].message
    assert "differs" not in message


@pytest.mark.parametrize(
    ("cores", "busy"),
    [(None, False), (0.0, False), (FOREIGN_CPU_CORES, False), (FOREIGN_CPU_CORES + 0.01, True)],
)
def test_a_busy_host_voids_device_metrics_and_them_only(
    court: Court, make_run: MakeRun, cores: float | None, busy: bool
) -> None:
    run = make_run(foreign_cpu_cores=cores, step_seconds_p50=9.0)
    assert contended(run) == busy
    verdicts = judged(court, run)
    assert verdicts["throughput"].status == ("contended" if busy else "regressed")
    assert verdicts["accuracy"].status == verdicts["loss"].status == "passed"
    if busy:
        assert "run again on a quiet host" in verdicts["throughput"].message
        assert verdicts["throughput"].value == pytest.approx(10 / 9)


def test_an_edited_workload_is_told_and_not_judged(court: Court, make_run: MakeRun) -> None:
    run = make_run(workload_fingerprint="edited-10", evaluation=Evaluation(9.0, 360, 0.1))
    for verdict in judged(court, run).values():
        if verdict.gated:
            assert verdict.status == "workload changed"
            assert "alpha's file was edited since its baseline was recorded" in verdict.message
            assert "--update-baselines --seeds 10 records the new one" in verdict.message


def test_a_run_that_nobody_has_a_baseline_for_is_new(court: Court, make_run: MakeRun) -> None:
    verdicts = judged(court, make_run(dataset="mnist"))
    assert {v.status for v in verdicts.values() if v.gated} == {"new"}


def test_another_machine_is_judged_by_portable_metrics_only(
    court: Court, make_run: MakeRun
) -> None:
    verdicts = judged(court, make_run(device_model="Model 2"))
    assert verdicts["loss"].status == "passed"
    assert verdicts["throughput"].status == "new"


def test_a_throughput_without_a_steady_state_is_inconclusive_and_says_what_to_do(
    court: Court, make_run: MakeRun
) -> None:
    run = make_run(steady_state=False, steady_steps=60, warm_up_steps=20)
    verdict = judged(court, run)["throughput"]
    assert verdict.status == "inconclusive"
    assert verdict.message == "no steady state in 80 steps: train longer, or drop the gate"


def test_a_gate_that_can_never_be_read_fails_and_says_so(court: Court, make_run: MakeRun) -> None:
    verdicts = judged(court, make_run(evaluation=None))
    assert {verdicts[name].status for name in ("accuracy", "loss")} == {"failed"}
    assert verdicts["loss"].message == "alpha has no loss, which is gated: remove it from gates"


def test_a_loss_that_is_not_finite_has_failed(court: Court, make_run: MakeRun) -> None:
    run = make_run(evaluation=Evaluation(float("nan"), 360, 0.9))
    assert judged(court, run)["loss"].status == "failed"


def test_exact_digits_are_for_portable_metrics_only(court: Court, make_run: MakeRun) -> None:
    last = reference_runs(make_run)[-1]
    run = replace(make_run(), evaluation=last.evaluation)
    assert judged(court, run, exact_digits=4)["loss"].status == "passed"
    other = make_run(evaluation=Evaluation(0.50512, 360, 0.9))
    verdict = judged(court, other, exact_digits=4)["loss"]
    assert verdict.status == "regressed"
    assert "deterministic: must be equal to 4 digits" in verdict.message
    assert ", p " not in verdict.message
    assert judged(court, other, exact_digits=4)["throughput"].status == "passed"
