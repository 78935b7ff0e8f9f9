"""The folder of baselines: one file per workload and platform, segments, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from accelbench.records import COMPLETED, DIVERGED, Evaluation, Run, State, Steps
from accelbench.store import Baselines, StoreError, platform_of
from accelbench.store.baselines import SCOPES, refusal
from accelbench.store.identity import Scope

MakeRun = Callable[..., Run]


def numbered(make_run: MakeRun, number: int, **changes: object) -> Run:
    return make_run(run_id=f"run-{number}", seed=number, **changes)


def both(*runs: Run) -> list[tuple[Run, Scope]]:
    return [(run, scope) for run in runs for scope in SCOPES]


def added(folder: Path, *runs: Run, segment: bool = False) -> Baselines:
    baselines = Baselines(folder)
    baselines.add(both(*runs), "recorded", "A Person", segment=segment)
    return Baselines(folder)


def test_portable_and_device_runs_lie_in_a_file_each(tmp_path: Path, make_run: MakeRun) -> None:
    baselines = added(tmp_path, numbered(make_run, 1))
    assert baselines.paths() == [
        tmp_path / "alpha" / "cpu-model-1-2-cores.jsonl",
        tmp_path / "alpha" / "portable.jsonl",
    ]
    assert baselines.seeds("alpha") == {1}
    assert baselines.seeds("beta") == set()


def test_a_run_goes_only_where_it_is_sent(tmp_path: Path, make_run: MakeRun) -> None:
    written = Baselines(tmp_path).add([(make_run(), "portable")], "r", "A", segment=False)
    assert written == {tmp_path / "alpha" / "portable.jsonl": [make_run()]}
    assert [path.name for path in Baselines(tmp_path).paths()] == ["portable.jsonl"]


@pytest.mark.parametrize(
    ("unit", "model", "slug"),
    [
        ("cpu", "Intel(R) Xeon(R) @ 2.80GHz 2 cores", "cpu-intel-r-xeon-r-2-80ghz-2-cores"),
        ("gpu-2", "", "gpu-2"),
        ("cpu", "../../etc/passwd", "cpu-etc-passwd"),
    ],
)
def test_a_platform_is_a_slug_that_is_safe_as_a_file_name(
    make_run: MakeRun, unit: str, model: str, slug: str
) -> None:
    assert platform_of(make_run(device=unit, device_model=model)) == slug


def test_a_stored_run_is_condensed_and_comes_back_whole(tmp_path: Path, make_run: MakeRun) -> None:
    run = make_run(steps=Steps(loss=tuple(float(i) for i in range(50))))
    assert added(tmp_path, run).reference(run, "portable").runs == (run.condensed(),)


def test_references_are_those_of_an_equal_key(tmp_path: Path, make_run: MakeRun) -> None:
    one, two = numbered(make_run, 1), numbered(make_run, 2, treatment=(("python", "3.13"),))
    other = numbered(make_run, 3, params=(("rate", 0.1),))
    baselines = added(tmp_path, one, two, other)
    for scope in SCOPES:
        reference = baselines.reference(numbered(make_run, 9), scope)
        assert [run.spec.seed for run in reference.runs] == [1, 2]
        assert not reference.changed


def test_another_machine_shares_the_portable_reference_only(
    tmp_path: Path, make_run: MakeRun
) -> None:
    baselines = added(tmp_path, numbered(make_run, 1))
    elsewhere = make_run(device_model="Model 2")
    assert len(baselines.reference(elsewhere, "portable").runs) == 1
    assert baselines.reference(elsewhere, "device").runs == ()


def test_an_edited_workload_is_changed_and_not_new(tmp_path: Path, make_run: MakeRun) -> None:
    baselines = added(tmp_path, numbered(make_run, 1))
    edited = make_run(workload_fingerprint="edited-10")
    assert baselines.reference(edited, "portable").changed
    assert baselines.reference(edited, "portable").runs == ()
    unknown = make_run(workload_fingerprint="edited-10", dataset="mnist")
    assert not baselines.reference(unknown, "portable").changed
    both_known = added(tmp_path, numbered(make_run, 2, workload_fingerprint="edited-10"))
    assert not both_known.reference(edited, "portable").changed


def test_sessions_and_the_oldest_day_are_told(tmp_path: Path, make_run: MakeRun) -> None:
    baselines = added(
        tmp_path,
        numbered(make_run, 1, session_id="b", time="2026-03-01T00:00:00+00:00"),
        numbered(make_run, 2, session_id="a", time="2026-02-01T00:00:00+00:00"),
        numbered(make_run, 3, session_id="b"),
    )
    reference = baselines.reference(make_run(), "portable")
    assert (reference.sessions, reference.since) == (2, "2026-01-02")
    assert Baselines(tmp_path / "none").reference(make_run(), "portable").since == ""


# ---------------------------------------------------------------------------------------- segments
def test_a_new_segment_is_the_reference_and_the_old_one_stays(
    tmp_path: Path, make_run: MakeRun
) -> None:
    old = added(tmp_path, numbered(make_run, 1), numbered(make_run, 2))
    assert len(old.reference(make_run(), "portable").runs) == 2
    fresh = added(tmp_path, numbered(make_run, 3), numbered(make_run, 4), segment=True)
    runs = fresh.reference(make_run(), "portable").runs
    assert [run.spec.seed for run in runs] == [3, 4]
    assert (tmp_path / "alpha" / "portable.jsonl").read_text().count("\n") == 4
    assert fresh.seeds("alpha") == {1, 2, 3, 4}


def test_later_runs_join_the_latest_segment_of_their_own_key(
    tmp_path: Path, make_run: MakeRun
) -> None:
    added(tmp_path, numbered(make_run, 1))
    added(tmp_path, numbered(make_run, 2), segment=True)
    other = numbered(make_run, 3, params=(("rate", 0.1),))
    last = added(tmp_path, numbered(make_run, 4), other)
    assert [run.spec.seed for run in last.reference(make_run(), "portable").runs] == [2, 4]
    assert [run.spec.seed for run in last.reference(other, "portable").runs] == [3]


def test_one_object_sees_what_it_has_added(tmp_path: Path, make_run: MakeRun) -> None:
    baselines = Baselines(tmp_path)
    assert baselines.reference(make_run(), "portable").runs == ()
    baselines.add(both(numbered(make_run, 1)), "r", "A", segment=False)
    assert len(baselines.reference(make_run(), "portable").runs) == 1


def test_all_keys_are_listed_with_their_latest_segment(tmp_path: Path, make_run: MakeRun) -> None:
    added(tmp_path, numbered(make_run, 1))
    added(tmp_path, numbered(make_run, 2), segment=True)
    added(tmp_path, numbered(make_run, 3, workload="beta", dataset="mnist"))
    found = [
        (path.parent.name, path.stem, key.dataset, key.device, [x.run.spec.seed for x in lines])
        for path, key, lines in Baselines(tmp_path).references()
    ]
    assert found == [
        ("alpha", "cpu-model-1-2-cores", "digits", "cpu", [2]),
        ("alpha", "portable", "digits", "", [2]),
        ("beta", "cpu-model-1-2-cores", "mnist", "cpu", [3]),
        ("beta", "portable", "mnist", "", [3]),
    ]


def test_problems_are_told_once_however_often_a_file_is_asked(
    tmp_path: Path, make_run: MakeRun
) -> None:
    path = tmp_path / "alpha" / "portable.jsonl"
    baselines = added(tmp_path, numbered(make_run, 1))
    path.write_text("junk\n" + path.read_text())
    for _ in range(3):
        assert len(baselines.reference(make_run(), "portable").runs) == 1
    assert [str(problem).split(": ")[0] for problem in baselines.problems] == [f"{path}:1"]


def test_problems_are_told_once_and_in_order_after_an_update_too(
    tmp_path: Path, make_run: MakeRun
) -> None:
    baselines = added(tmp_path, numbered(make_run, 1), numbered(make_run, 2, workload="beta"))
    for name in ("alpha", "beta"):
        path = tmp_path / name / "portable.jsonl"
        path.write_text("junk\n" + path.read_text() + "{}\n")
    expected = [
        f"{tmp_path}/{name}/portable.jsonl:{n}" for name in ("alpha", "beta") for n in (1, 3)
    ]
    for number in (3, 4):
        for workload in ("beta", "alpha"):
            run = numbered(make_run, number, workload=workload, session_id=workload)
            baselines.reference(run, "portable")
            run = numbered(make_run, 10 * number + len(workload), workload=workload)
            baselines.add(both(run), "r", "A", segment=False)
            baselines.reference(run, "portable")
        assert [str(each).split(": ")[0] for each in baselines.problems] == expected


def test_what_is_stored_already_is_not_said_to_be_written(
    tmp_path: Path, make_run: MakeRun
) -> None:
    one, two = numbered(make_run, 1), numbered(make_run, 2)
    baselines = added(tmp_path, one)
    assert baselines.add(both(one, one), "r", "A", segment=False) == {}
    written = baselines.add([*both(one, two), (two, "device")], "r", "A", segment=False)
    assert written == {path: [two] for path in baselines.paths()}


def test_one_file_that_cannot_be_written_does_not_stop_the_others(
    tmp_path: Path, make_run: MakeRun
) -> None:
    (tmp_path / "alpha").write_text("in the way")
    runs = both(numbered(make_run, 1), numbered(make_run, 2, workload="beta"))
    with pytest.raises(StoreError, match="alpha") as caught:
        Baselines(tmp_path).add(runs, "r", "A", segment=False)
    assert "\n" not in str(caught.value)
    assert [path.parent.name for path in Baselines(tmp_path).paths()] == ["beta", "beta"]


# ----------------------------------------------------------------------------------------- refusal
@pytest.mark.parametrize(
    ("state", "said"),
    [
        (DIVERGED, "the run diverged"),
        (State("crashed", "steady"), "the run crashed(steady)"),
        (State("timed_out", "compile"), "the run timed_out(compile)"),
    ],
)
def test_a_run_that_did_not_complete_is_refused(make_run: MakeRun, state: State, said: str) -> None:
    assert refusal(make_run(state=state), (), 0.1) == said


@pytest.mark.parametrize("evaluation", [None, Evaluation(math.nan, 360), Evaluation(math.inf, 360)])
def test_a_run_without_a_finite_evaluation_is_refused(
    make_run: MakeRun, evaluation: Evaluation | None
) -> None:
    assert refusal(make_run(evaluation=evaluation), (), 0.1) == "its evaluation is not finite"


def accurate(make_run: MakeRun, accuracy: float | None) -> Run:
    return make_run(state=COMPLETED, evaluation=Evaluation(0.5, 360, accuracy))


@pytest.mark.parametrize(
    ("accuracy", "collapsed"), [(0.9, False), (0.71, False), (0.69, True), (0.1, True), (0.0, True)]
)
def test_a_run_that_lost_a_quarter_of_the_way_from_chance_has_collapsed(
    make_run: MakeRun, accuracy: float, collapsed: bool
) -> None:
    known = [accurate(make_run, each) for each in (0.89, 0.9, 0.1, 0.91, 0.9)]
    said = refusal(accurate(make_run, accuracy), known, chance=0.1)
    assert said == (f"it collapsed (accuracy {accuracy:.4g}, below 0.7)" if collapsed else None)


def test_one_that_does_not_classify_cannot_collapse(make_run: MakeRun) -> None:
    assert refusal(accurate(make_run, None), (), 0.1) is None
    assert refusal(accurate(make_run, None), [accurate(make_run, 0.9)], 0.1) is None
    assert refusal(accurate(make_run, 0.9), [accurate(make_run, None)], 0.1) is None


@pytest.mark.parametrize(
    ("accuracy", "chance", "refused"),
    [
        (0.0, 0.1, True),
        (0.1, 0.1, True),
        (0.1135, 0.1, True),  # MNIST's most frequent class, always
        (0.19, 0.1, True),
        (0.2, 0.1, False),
        (0.55, 0.5, True),
        (0.6, 0.5, False),
        (0.0, 0.0, True),
        (0.02, 0.0, False),  # nobody knows what guessing would give
    ],
)
def test_a_run_that_learned_nothing_is_refused_whatever_it_is_beside(
    make_run: MakeRun, accuracy: float, chance: float, refused: bool
) -> None:
    run = accurate(make_run, accuracy)
    for known in ((), (run,), (run,) * 5):
        said = refusal(run, known, chance)
        assert (said is not None) == refused
        if said is not None:
            assert said.startswith(f"it learned nothing (accuracy {accuracy:.4g}, not above 0")
            assert said.endswith(f"; guessing gives {chance:.4g})")


def test_a_run_that_itself_went_wrong_draws_no_line(make_run: MakeRun) -> None:
    gone = [
        make_run(state=DIVERGED, evaluation=Evaluation(0.5, 360, 0.99)),
        make_run(evaluation=Evaluation(math.nan, 360, 0.99)),
        make_run(evaluation=Evaluation(0.5, 360, math.nan)),
        make_run(evaluation=None),
    ]
    assert refusal(accurate(make_run, 0.5), gone, 0.1) is None
    assert refusal(accurate(make_run, 0.5), [*gone, accurate(make_run, 0.99)], 0.1) is not None
