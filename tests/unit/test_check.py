"""Judging a whole run: suspected or decided, contended, changed, and what a regression says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from accelbench import cases, codec
from accelbench.check import Court, Ruling, Subject
from accelbench.contention import FOREIGN_CPU_CORES, contended
from accelbench.declarations import Cell
from accelbench.records import Evaluation, Floor, Run, Verdict
from accelbench.store import Baselines
from accelbench.store.baselines import SCOPES
from accelbench.store.history import REFERENCE, line_of
from accelbench.store.keeper import Keeper
from accelbench.store.past import History

MakeRun = Callable[..., Run]

GATED = ("accuracy", "loss", "throughput")
ACCEPT = 'pytest "bench/test_x.py::test" --update-baselines --accept-regression "REASON"'
SHOW = "accelbench judge --replay verdicts.jsonl --about run-x"


def reference_runs(make_run: MakeRun) -> list[Run]:
    """Return ten healthy runs of two sessions with a spread of 1 %."""
    return [
        make_run(
            run_id=f"run-{number}",
            seed=number,
            session_id=f"session-{number % 2}",
            time=f"2026-01-02T03:04:{number:02d}+00:00",
            evaluation=Evaluation(0.5 + 0.005 * (number % 4), 360, 0.9 + 0.003 * (number % 3)),
            step_seconds_p50=0.01 + 0.0001 * (number % 4),
        )
        for number in range(10)
    ]


@pytest.fixture
def court(tmp_path: Path, make_run: MakeRun) -> Court:
    baselines = Baselines(tmp_path / "baselines")
    runs = [(run, scope) for run in reference_runs(make_run) for scope in SCOPES]
    baselines.add(runs, "recorded", "A Person", segment=False)
    return Court(baselines, History(None), 3, 0.1, accept_command=ACCEPT, show_command=SHOW)


def rulings(court: Court, run: Run, **changes: object) -> tuple[Ruling, ...]:
    """Return the rulings on a run of a cell with all three gates; `floors=...` are of the cell."""
    of_cell = {
        name: changes.pop(name)
        for name in ("floors", "smallest_effects", "gates")
        if name in changes
    }
    cell = Cell("alpha", "digits", 2, **{"gates": GATED, **of_cell})  # type: ignore[arg-type]  # by name
    return court.rulings(Subject(run, cell, 0.1, **changes))  # type: ignore[arg-type]  # by name


def judged(court: Court, run: Run, **changes: object) -> dict[str, Verdict]:
    return {each.verdict.metric: each.verdict for each in rulings(court, run, **changes)}


def fresh_runs(make_run: MakeRun, losses: Sequence[float], **changes: object) -> tuple[Run, ...]:
    return tuple(
        make_run(
            run_id=f"fresh-{n}",
            seed=100 + n,
            session_id="tonight",
            evaluation=Evaluation(loss, 360, 0.903),
            **changes,
        )
        for n, loss in enumerate(losses)
    )


def bad(make_run: MakeRun, **changes: object) -> Run:
    """Return a run of tonight with a loss that all reference runs were below."""
    evaluation = Evaluation(0.9, 360, 0.903)
    return make_run(
        **{"run_id": "run-x", "session_id": "tonight", "evaluation": evaluation, **changes}
    )


# ------------------------------------------------------------------------------------ one run only
def test_a_run_like_its_references_passes_and_shows_the_rest(
    court: Court, make_run: MakeRun
) -> None:
    effects = tuple((name, 0.5) for name in GATED)
    run = make_run(target_accuracy=0.99)
    verdicts = [r.verdict for r in rulings(court, run, smallest_effects=effects)]
    assert [v.metric for v in verdicts[:3]] == list(GATED)
    assert {v.status for v in verdicts[:3]} == {"passed"}
    assert {v.message for v in verdicts[:3]} == {""}
    assert {v.reference_sessions for v in verdicts[:3]} == {2}
    shown = {v.metric: v for v in verdicts[3:]}
    assert {v.status for v in shown.values()} == {"shown"}
    assert not any(v.gated for v in shown.values())
    assert "epoch_seconds" in shown
    assert shown["time_to_accuracy"].message == "not reached"


def test_a_smallest_effect_of_the_cell_decides_whether_a_pass_is_blind(
    court: Court, make_run: MakeRun
) -> None:
    for effect, status in ((0.001, "blind"), (0.5, "passed")):
        verdicts = judged(court, make_run(), smallest_effects=(("loss", effect),))
        assert verdicts["loss"].status == status
        # Ten runs of 360 answers each say too little of a change of 0.3 points.
        assert verdicts["accuracy"].message.startswith("only a change of ")
        assert verdicts["accuracy"].status == "blind", "an effect is of its own metric alone"


def test_metrics_that_a_run_does_not_have_are_not_shown(court: Court, make_run: MakeRun) -> None:
    names = set(judged(court, make_run(peak_memory_bytes=0)))
    assert not {"peak_memory_bytes", "time_to_accuracy"} & names


def test_a_gate_on_the_way_to_a_target_is_open_where_only_the_end_was_evaluated(
    court: Court, make_run: MakeRun
) -> None:
    first, last = make_run().epochs
    epochs = (replace(first, accuracy=None), last)
    for target, status, words in (
        (0.1, "inconclusive", "cpu evaluates once, at the end"),
        (None, "failed", "set target_accuracy"),
    ):
        run = make_run(epochs=epochs, target_accuracy=target)
        verdict = judged(court, run, gates=("epochs_to_accuracy",))["epochs_to_accuracy"]
        assert verdict.status == status
        assert words in verdict.message


def test_one_bad_run_is_a_suspicion_that_says_what_would_decide_it(
    court: Court, make_run: MakeRun
) -> None:
    verdicts = judged(court, bad(make_run, step_seconds_p50=0.02))
    loss = verdicts["loss"]
    assert loss.status == "inconclusive"
    assert loss.suspected_by == ("screen",)
    assert loss.message == (
        "suspected by screen; 3 fresh runs would decide (--update-baselines --seeds 10 makes them)"
    )
    assert loss.bound is not None
    assert loss.screen_p is not None
    assert loss.screen_p < 0.1
    assert verdicts["throughput"].status == "inconclusive"
    assert "2 comparable nights are stored, 10 are needed" in verdicts["throughput"].message
    assert verdicts["accuracy"].status == "blind"


def test_a_wider_screen_suspects_what_the_usual_one_lets_pass(
    court: Court, make_run: MakeRun
) -> None:
    run = make_run(evaluation=Evaluation(0.514, 360, 0.903))
    assert not judged(court, run)["loss"].suspected_by
    assert judged(replace(court, screen=0.4), run)["loss"].suspected_by == ("screen",)


# -------------------------------------------------------------------------------------- fresh runs
def test_a_regression_says_all_that_it_rests_on_and_what_to_do(
    court: Court, make_run: MakeRun
) -> None:
    run = bad(make_run, seed=77, treatment=(("driver", "2.0"), ("python", "3.11.7")))
    fresh = fresh_runs(make_run, [0.89 + 0.005 * n for n in range(9)])
    verdicts = judged(court, run, fresh=fresh)
    verdict = verdicts["loss"]
    assert verdict.status == "regressed"
    assert verdict.new_runs == 8
    assert verdict.bound is not None
    assert verdict.effect is not None
    low, high = verdict.interval
    lines = verdict.message.split("\n  ")
    assert lines == [
        "loss regressed: 0.9 against 0.505, median of 10 reference runs in 2 sessions "
        f"since 2026-01-02, bound {verdict.bound:.5g}",
        f"{100 * verdict.effect:+.3g} % (95 % interval {100 * low:+.3g} % to {100 * high:+.3g} %)",
        "8 new runs judged by fresh seeds",
        f"p {verdict.p_value:.2g} <= {verdict.alpha:.2g}, its share of 1 % false alarms a session",
        "suspected by screen",
        "differs from the reference runs in driver: ? -> 2.0",
        f"seed 77; show it again with: {SHOW}",
        f"accept it with: {ACCEPT}",
    ]
    assert 0.7 < low < verdict.effect < high < 0.9
    assert {v.status for v in verdicts.values() if v.gated and v.metric != "loss"} == {"blind"}


def test_fresh_runs_that_are_well_clear_a_suspicion(court: Court, make_run: MakeRun) -> None:
    fresh = fresh_runs(make_run, [0.5, 0.505, 0.51])
    verdict = judged(court, bad(make_run), fresh=fresh, smallest_effects=(("loss", 0.5),))["loss"]
    assert verdict.status == "passed"
    assert verdict.suspected_by == ("screen",)
    assert verdict.new_runs == 3


def test_fresh_runs_without_a_suspicion_accuse_nobody(court: Court, make_run: MakeRun) -> None:
    fresh = fresh_runs(make_run, [0.9] * 9)
    verdict = judged(court, make_run(session_id="tonight"), fresh=fresh)["loss"]
    assert verdict.status == "blind"
    assert verdict.new_runs == 0


def test_disturbed_fresh_runs_do_not_count_for_timings(court: Court, make_run: MakeRun) -> None:
    quiet = fresh_runs(make_run, [0.5] * 2)
    busy = fresh_runs(make_run, [0.5] * 3, foreign_cpu_cores=1.0)
    found = {r.verdict.metric: r for r in rulings(court, make_run(), fresh=(*quiet, *busy))}
    counted = {}
    for name in GATED:
        judgement = found[name].judgement
        assert judgement is not None
        counted[name] = sum(point.role == "fresh" for point in judgement.case.runs)
    assert counted == {"accuracy": 5, "loss": 5, "throughput": 2}


def test_an_equal_stack_is_not_mentioned_nor_a_replay_without_a_history(
    court: Court, make_run: MakeRun
) -> None:
    fresh = fresh_runs(make_run, [0.9 + 0.01 * n for n in range(8)])
    message = judged(replace(court, show_command=""), bad(make_run), fresh=fresh)["loss"].message
    assert message.startswith("loss regressed: ")
    assert "differs" not in message
    assert "show it again" not in message
    assert message.endswith(f"\n  accept it with: {ACCEPT}")


def test_every_judgement_replays_to_its_verdict(court: Court, make_run: MakeRun) -> None:
    fresh = fresh_runs(make_run, [0.9] * 9)
    found = [r for r in rulings(court, bad(make_run), fresh=fresh) if r.verdict.gated]
    for ruling in found:
        assert ruling.judgement is not None
        stored = codec.loads(cases.Judgement, codec.dumps(ruling.judgement))
        assert cases.same(cases.judged(stored.case, stored.about), ruling.judgement)
        assert stored.about == "alpha on cpu, seed 1, run run-x"
        assert stored.verdict.status == ruling.verdict.status


# ------------------------------------------------------------------------------------------ floors
def test_a_strict_floor_fails_at_once_with_the_seed(court: Court, make_run: MakeRun) -> None:
    floors = (("accuracy", Floor(0.95, strict=True)),)
    verdict = judged(court, make_run(seed=5), floors=floors)["accuracy"]
    assert verdict.status == "failed"
    assert verdict.message == "accuracy is 0.9, below its floor of 0.95\n  seed 5"
    assert (
        judged(court, make_run(), floors=(("accuracy", Floor(0.9, strict=True)),))[
            "accuracy"
        ].status
        == "blind"
    )


def test_a_soft_floor_fails_at_three_of_the_first_four_runs(
    court: Court, make_run: MakeRun
) -> None:
    floors = (("loss", Floor(0.8)),)
    verdict = judged(court, bad(make_run), floors=floors)["loss"]
    assert verdict.status == "inconclusive"
    assert verdict.suspected_by == ("screen", "floor")
    # Two of four are no failure, and three fresh runs of which two are well clear the suspicion.
    for losses, status in (([0.9, 0.9, 0.5], "failed"), ([0.9, 0.5, 0.5], "blind")):
        fresh = fresh_runs(make_run, losses)
        assert judged(court, bad(make_run), floors=floors, fresh=fresh)["loss"].status == status
    new = make_run(workload="beta", evaluation=Evaluation(0.9, 360, 0.9))
    fresh = fresh_runs(make_run, [0.9, 0.9])
    assert judged(court, new, floors=floors, fresh=fresh)["loss"].status == "failed"


# ----------------------------------------------------------------------------------------- history
def night(make_run: MakeRun, number: int, loss: float) -> Run:
    return make_run(
        run_id=f"night-{number}/1",
        session_id=f"night-{number}",
        seed=1000 + number,
        time=f"2026-02-{number + 1:02d}T00:00:00+00:00",
        evaluation=Evaluation(loss, 360, 0.903),
    )


def with_history(court: Court, folder: Path, nights: Sequence[tuple[Run, str]]) -> Court:
    keeper = Keeper(folder)
    for run, status in nights:
        keeper.keep(line_of(run, (Verdict("loss", status),)))
    keeper.keep(line_of(reference_run(nights[0][0]), role=REFERENCE))
    keeper.close()
    return replace(court, history=History(folder))


def reference_run(run: Run) -> Run:
    source = replace(run.provenance, run_id="made to be recorded", session_id="night-recorded")
    return replace(run, provenance=source)


def test_accepted_nights_join_the_screen_and_never_the_reference(
    court: Court, make_run: MakeRun, tmp_path: Path
) -> None:
    nights = [(night(make_run, n, 0.5 + 0.001 * n), "passed") for n in range(10)]
    nights += [(night(make_run, 20, 0.9), "regressed"), (night(make_run, 21, 0.9), "contended")]
    alone = judged(court, make_run())["loss"]
    joined = judged(with_history(court, tmp_path / "h", nights), make_run())["loss"]
    assert alone.history_runs == 0
    assert joined.history_runs == 10
    assert joined.reference_runs == alone.reference_runs == 10
    assert joined.reference == alone.reference
    assert joined.detectable is not None
    assert alone.detectable is not None
    assert joined.detectable < alone.detectable, "more runs see smaller changes"


def test_the_history_of_another_identity_and_of_an_older_segment_does_not_join(
    court: Court, make_run: MakeRun, tmp_path: Path
) -> None:
    other = [
        (replace(night(make_run, n, 0.5), spec=make_run(framework="torch").spec), "passed")
        for n in (1, 2)
    ]
    old = night(make_run, 3, 0.5)
    old = replace(old, provenance=replace(old.provenance, time="2025-12-31T23:59:59+00:00"))
    found = with_history(court, tmp_path / "h", [*other, (old, "passed")])
    assert judged(found, make_run())["loss"].history_runs == 0


def test_tonights_own_session_is_not_its_own_history(
    court: Court, make_run: MakeRun, tmp_path: Path
) -> None:
    found = with_history(court, tmp_path / "h", [(night(make_run, 4, 0.5), "passed")])
    run = make_run(run_id="night-4/2", session_id="night-4")
    assert judged(found, run)["loss"].history_runs == 0


# ------------------------------------------------------------------------------ what is not judged
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
    assert verdicts["throughput"].status == ("contended" if busy else "inconclusive")
    assert verdicts["accuracy"].status == verdicts["loss"].status == "blind"
    if busy:
        assert "run again on a quiet host" in verdicts["throughput"].message
        assert verdicts["throughput"].value == pytest.approx(10 / 9)


def test_an_edited_workload_is_told_and_not_judged(court: Court, make_run: MakeRun) -> None:
    run = make_run(workload_fingerprint="edited-10", evaluation=Evaluation(9.0, 360, 0.1))
    for verdict in judged(court, run).values():
        if verdict.gated:
            assert verdict.status == "workload changed"
            assert "alpha's file was edited since its baseline was recorded" in verdict.message
            assert "--update-baselines --seeds 12 records the new one" in verdict.message


def test_a_strict_floor_holds_for_an_edited_workload_too(court: Court, make_run: MakeRun) -> None:
    run = make_run(workload_fingerprint="edited-10", evaluation=Evaluation(9.0, 360, 0.1))
    floors = (("accuracy", Floor(0.5, strict=True)),)
    assert judged(court, run, floors=floors)["accuracy"].status == "failed"
    assert judged(court, run, floors=floors)["loss"].status == "workload changed"


def test_a_run_that_nobody_has_a_baseline_for_is_new(court: Court, make_run: MakeRun) -> None:
    verdicts = judged(court, make_run(dataset="mnist"))
    assert {v.status for v in verdicts.values() if v.gated} == {"new"}


def test_with_four_stored_runs_it_is_learning(
    tmp_path: Path, court: Court, make_run: MakeRun
) -> None:
    few = Baselines(tmp_path / "few")
    few.add([(run, "portable") for run in reference_runs(make_run)[:4]], "r", "A", segment=False)
    verdicts = judged(replace(court, baselines=few), bad(make_run))
    assert verdicts["loss"].status == "learning"
    assert verdicts["loss"].message == "4 reference runs; 5 are needed to judge"
    assert verdicts["throughput"].status == "new"


def test_another_machine_is_judged_by_portable_metrics_only(
    court: Court, make_run: MakeRun
) -> None:
    verdicts = judged(court, make_run(device_model="Model 2"))
    assert verdicts["loss"].status == "blind"
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


def test_exact_digits_are_for_portable_metrics_only_and_need_no_fresh_run(
    court: Court, make_run: MakeRun
) -> None:
    last = reference_runs(make_run)[-1]
    run = replace(make_run(), evaluation=last.evaluation)
    assert judged(court, run, exact_digits=4)["loss"].status == "passed"
    other = make_run(evaluation=Evaluation(0.50512, 360, 0.9))
    verdicts = judged(court, other, exact_digits=4)
    assert verdicts["loss"].status == "regressed"
    assert "deterministic: must be equal to 4 digits" in verdicts["loss"].message
    assert "p " not in verdicts["loss"].message.split("\n")[1]
    assert verdicts["throughput"].status == "blind"
