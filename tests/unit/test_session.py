"""What a session records, what it refuses and says, from outcomes made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from accelbench import codec
from accelbench.options import Options
from accelbench.records import DIVERGED, Evaluation, Outcome, Run, Verdict
from accelbench.session import Session, opened
from accelbench.store import Baselines, archive

MakeRun = Callable[..., Run]
Start = Callable[..., Session]

TEST = "bench/test_training.py::test_training[alpha-cpu]"


@pytest.fixture
def start(options: Options, home: Path) -> Start:
    """Opens a session over a folder of baselines; options by name."""

    def begin(**changes: object) -> Session:
        chosen = replace(options, update_baselines=True)
        return opened(replace(chosen, **changes), gates=3)  # type: ignore[arg-type]  # by name

    return begin


def outcome(run: Run, status: str = "passed", **changes: object) -> Outcome:
    """Return an outcome with one portable and one device metric, both of a status."""
    verdicts = (
        Verdict("loss", status, 0.5),
        Verdict("throughput", status, 100.0),
        Verdict("epoch_seconds", "shown", 1.0, gated=False),
    )
    return replace(Outcome(run, verdicts), **changes)  # type: ignore[arg-type]  # by name


def heard(session: Session, *outcomes: Outcome, test: str = TEST, failed: bool = False) -> Session:
    session.hear(test, [codec.to_json(each) for each in outcomes], failed=failed)
    return session


def recorded(session: Session) -> dict[str, list[int]]:
    """Return the seeds that lie in each file."""
    session.finish(())
    baselines = Baselines(session.options.settings.baselines)
    return {
        path.stem: sorted(line.run.spec.seed for line in lines)
        for path, _, lines in baselines.references()
    }


CPU = "cpu-model-1-2-cores"


def test_outcomes_come_back_from_their_json(start: Start, make_run: MakeRun) -> None:
    said = outcome(make_run())
    assert heard(start(), said).outcomes == [(TEST, said)]


def test_nothing_is_written_without_the_option(start: Start, make_run: MakeRun) -> None:
    session = heard(start(update_baselines=False), outcome(make_run()))
    assert recorded(session) == {}
    assert not session.options.settings.baselines.exists()


def test_a_run_and_its_reference_runs_are_recorded_in_both_files(
    start: Start, make_run: MakeRun
) -> None:
    more = tuple(make_run(run_id=f"run-{n}", seed=n) for n in (2, 3))
    session = heard(start(), outcome(make_run(), "new", references=more))
    assert recorded(session) == {"portable": [1, 2, 3], CPU: [1, 2, 3]}
    assert session.notes == ["3 reference runs recorded in 2 baseline files"]
    assert session.errors == []


def test_a_run_is_recorded_only_for_the_scopes_it_is_gated_in(
    start: Start, make_run: MakeRun
) -> None:
    said = outcome(make_run(), verdicts=(Verdict("loss", "new", 0.5),))
    assert recorded(heard(start(), said)) == {"portable": [1]}
    nothing = outcome(make_run(workload="beta"), verdicts=(Verdict("loss", "shown", gated=False),))
    assert "beta" not in str(recorded(heard(start(), nothing)))


def test_no_timings_of_a_busy_host_are_recorded(start: Start, make_run: MakeRun) -> None:
    session = heard(start(), outcome(make_run(foreign_cpu_cores=0.9)))
    assert recorded(session) == {"portable": [1]}
    assert session.notes[0] == (
        f"not recorded (device metrics): {TEST}: other processes kept the host busy"
    )


def test_a_failed_test_records_nothing_and_says_so(start: Start, make_run: MakeRun) -> None:
    session = heard(start(), outcome(make_run()), failed=True)
    assert recorded(session) == {}
    assert session.notes == [
        f"not recorded (portable metrics): {TEST}: its test failed",
        f"not recorded (device metrics): {TEST}: its test failed",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": DIVERGED}, "the run diverged"),
        ({"evaluation": Evaluation(float("nan"), 360, 0.9)}, "its evaluation is not finite"),
        ({"evaluation": Evaluation(9.0, 360, 0.1)}, "it collapsed (accuracy 0.1, below 0.7)"),
    ],
)
def test_no_reference_is_made_of_a_run_that_went_wrong(
    start: Start, make_run: MakeRun, change: dict[str, object], said: str
) -> None:
    assert recorded(heard(start(), outcome(make_run()))) == {"portable": [1], CPU: [1]}
    session = heard(start(), outcome(make_run(run_id="bad", seed=2, **change)))
    assert recorded(session) == {"portable": [1], CPU: [1]}
    assert any(note.endswith(said) for note in session.notes)


def collapsed(make_run: MakeRun, number: int, accuracy: float = 0.1, **changes: object) -> Run:
    return make_run(
        run_id=f"bad-{number}", seed=number, evaluation=Evaluation(9.0, 360, accuracy), **changes
    )


@pytest.mark.parametrize("alone", [True, False])
def test_a_first_recording_of_guesses_is_refused(
    start: Start, make_run: MakeRun, alone: bool
) -> None:
    more = () if alone else tuple(collapsed(make_run, n) for n in (3, 4))
    session = heard(start(), outcome(collapsed(make_run, 2), "new", references=more))
    assert recorded(session) == {}
    assert session.notes[0] == (
        f"not recorded (portable metrics): {TEST}: it learned nothing (accuracy 0.1, not above "
        "0.19; guessing gives 0.1)"
    )


def test_a_first_recording_leaves_out_what_collapsed_beside_the_others(
    start: Start, make_run: MakeRun
) -> None:
    # The bad run comes first, in a test of its own: the session's other runs of the key tell.
    session = heard(start(), outcome(collapsed(make_run, 2, 0.5), "new"))
    more = tuple(make_run(run_id=f"run-{n}", seed=n) for n in (4, 5))
    heard(session, outcome(make_run(run_id="run-3", seed=3), "new", references=more), test="other")
    heard(session, outcome(collapsed(make_run, 6, 0.5, workload="beta"), "new"), test="beta")
    session.finish(())
    assert Baselines(session.options.settings.baselines).seeds("alpha") == {3, 4, 5}
    assert Baselines(session.options.settings.baselines).seeds("beta") == {6}
    assert session.notes[0].endswith(f"{TEST}: it collapsed (accuracy 0.5, below 0.7)")


def test_a_run_that_two_tests_tell_of_is_recorded_and_counted_once(
    start: Start, make_run: MakeRun
) -> None:
    session = heard(start(), outcome(make_run(), "new"), outcome(make_run(), "new"))
    assert recorded(session) == {"portable": [1], CPU: [1]}
    assert session.notes == ["1 reference run recorded in 2 baseline files"]
    assert session.problems() == []
    again = heard(start(), outcome(make_run()))
    assert recorded(again) == {"portable": [1], CPU: [1]}
    assert again.notes == ["0 reference runs recorded in 0 baseline files"]


def test_what_was_not_selected_is_not_dropped(start: Start, make_run: MakeRun) -> None:
    recorded(heard(start(), outcome(make_run(params=(("rate", 0.1),)))))
    other = make_run(run_id="other", seed=2)
    assert recorded(heard(start(), outcome(other)))
    path = start().options.settings.baselines / "alpha" / "portable.jsonl"
    assert path.read_text().count("\n") == 2


# ---------------------------------------------------------------------------- accepted regressions
def test_an_accepted_regression_opens_a_segment_for_the_scope_that_regressed(
    start: Start, make_run: MakeRun
) -> None:
    recorded(heard(start(), outcome(make_run())))
    slower = outcome(
        make_run(run_id="slow", seed=2),
        verdicts=(Verdict("loss", "passed", 0.5), Verdict("throughput", "regressed", 50.0)),
    )
    session = heard(start(accept_regression="new driver"), slower)
    assert recorded(session) == {"portable": [1, 2], CPU: [2]}
    text = (session.options.settings.baselines / "alpha" / f"{CPU}.jsonl").read_text()
    assert '"reason": "new driver"' in text
    assert '"segment": 2' in text
    assert text.count("\n") == 2


def test_an_accepted_loss_of_accuracy_is_a_new_reference(start: Start, make_run: MakeRun) -> None:
    recorded(heard(start(), outcome(make_run())))
    worse = outcome(collapsed(make_run, 2, 0.4), "regressed")
    session = heard(start(accept_regression="a harder task"), worse)
    # Another device that is as good as before does not stand in its way.
    other = tuple(make_run(run_id=f"gpu-{n}", seed=n, device="gpu") for n in (3, 4))
    heard(session, outcome(other[0], "passed", references=other[1:]), test="other")
    session.finish(())
    baselines = Baselines(session.options.settings.baselines)
    assert [run.spec.seed for run in baselines.reference(worse.run, "device").runs] == [2]
    assert 2 in {run.spec.seed for run in baselines.reference(worse.run, "portable").runs}


def test_accepting_a_regression_accepts_no_guesses_and_no_collapse_beside_its_own_runs(
    start: Start, make_run: MakeRun
) -> None:
    recorded(heard(start(), outcome(make_run())))
    guesses = outcome(collapsed(make_run, 2), "regressed")
    session = heard(start(accept_regression="a harder task"), guesses)
    assert recorded(session) == {"portable": [1], CPU: [1]}
    assert "it learned nothing (accuracy 0.1" in session.notes[0]

    more = (collapsed(make_run, 3, 0.6), collapsed(make_run, 4, 0.62), collapsed(make_run, 5, 0.3))
    worse = outcome(more[0], "regressed", references=more[1:])
    session = heard(start(accept_regression="a harder task"), worse)
    assert recorded(session) == {"portable": [3, 4], CPU: [3, 4]}
    assert "it collapsed (accuracy 0.3, below 0.475)" in session.notes[0]


def test_a_run_that_did_not_regress_joins_the_old_segment(start: Start, make_run: MakeRun) -> None:
    recorded(heard(start(), outcome(make_run())))
    session = heard(start(accept_regression="why"), outcome(make_run(run_id="x", seed=2)))
    assert recorded(session) == {"portable": [1, 2], CPU: [1, 2]}


# ------------------------------------------------------------------------------------------- errors
def test_a_required_device_that_was_not_used_is_an_error(start: Start, make_run: MakeRun) -> None:
    session = heard(start(), outcome(make_run()))
    session.finish(("cpu", "ipu"))
    assert session.errors == ["--require-device ipu: no training ran on it"]


def test_a_folder_that_cannot_be_written_is_an_error_and_not_lost(
    start: Start, make_run: MakeRun
) -> None:
    session = heard(start(), outcome(make_run()))
    session.options.settings.baselines.write_text("in the way")
    session.finish(())
    assert len(session.errors) == 1
    assert "cannot write into" in session.errors[0]
    assert not any("recorded in" in note for note in session.notes)


def test_damaged_lines_of_the_files_in_use_are_named(start: Start, make_run: MakeRun) -> None:
    folder = start().options.settings.baselines
    for workload in ("alpha", "unused"):
        (folder / workload).mkdir(parents=True)
        (folder / workload / "portable.jsonl").write_text("junk\n")
    session = heard(start(), outcome(make_run()))
    assert [str(each).split(": ")[0] for each in session.problems()] == [
        f"{folder}/alpha/portable.jsonl:1"
    ]


# ------------------------------------------------------------------------------------------ history
def test_what_is_heard_is_stored_at_once_with_its_verdicts(
    start: Start, make_run: MakeRun, tmp_path: Path
) -> None:
    folder = tmp_path / "history"
    session = start(history=folder)
    more = (make_run(run_id="run-2", seed=2),)
    heard(session, outcome(make_run(), "regressed", references=more))
    stored = archive.runs(folder).lines
    assert [(line.run_id, line.role) for line in stored] == [
        ("run-2", "reference"),
        ("session-1/alpha/1", "screen"),
    ]
    statuses = {each.metric: each.status for each in stored[1].judged}
    assert statuses["loss"] == statuses["throughput"] == "regressed"
    assert statuses["epoch_seconds"] == "shown"
    assert {each.status for each in stored[0].judged} == {""}
    heard(session, outcome(make_run(run_id="run-3"), expected=False), failed=True)
    assert {line.run_id: line.expected for line in archive.runs(folder).lines} == {
        "run-2": True,
        "run-3": False,
        "session-1/alpha/1": True,
    }
    session.finish(())
    assert not any("history" in note for note in session.notes)


def test_judgements_are_stored_beside_the_runs_as_they_came(
    start: Start, make_run: MakeRun, tmp_path: Path
) -> None:
    folder = tmp_path / "history"
    session = start(history=folder)
    heard(session, outcome(make_run(), judgements=('{"one": 1}', '{"two": 2}')))
    path = folder / "verdicts" / "session-1.jsonl"
    assert path.read_text() == '{"one": 1}\n{"two": 2}\n'
    heard(session, outcome(make_run(run_id="run-2"), judgements=('{"three": 3}',)))
    assert path.read_text().count("\n") == 3
    session.finish(())
    assert len(archive.runs(folder).lines) == 2, "judgements are no runs"


def test_a_history_that_cannot_be_written_is_a_note_and_no_error(
    start: Start, make_run: MakeRun, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    session = start(history=tmp_path / "file", update_baselines=False)
    heard(session, outcome(make_run()), outcome(make_run(run_id="run-2")))
    session.finish(())
    assert session.errors == []
    (note,) = session.notes
    assert note.startswith(f"2 runs not stored in the history {tmp_path}/file (")


def test_a_session_without_history_stores_nothing(
    start: Start, make_run: MakeRun, tmp_path: Path
) -> None:
    before = set(tmp_path.rglob("*"))
    session = heard(start(update_baselines=False), outcome(make_run()))
    session.finish(())
    assert set(tmp_path.rglob("*")) == before
