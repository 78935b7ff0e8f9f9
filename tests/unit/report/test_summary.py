"""The table and its footer: numbers, statuses, counts, and the next command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from accelbench.options import Options
from accelbench.records import DIVERGED, Outcome, Run, Verdict
from accelbench.report.summary import footer, rendered
from accelbench.report.tables import Paper
from accelbench.session import Session, opened

MakeRun = Callable[..., Run]


@pytest.fixture
def session(options: Options, make_run: MakeRun) -> Session:
    found = opened(options, gates=4)
    verdicts = (
        Verdict("loss", "regressed", 0.987654321, 0.5, 0.6, reference_runs=10, message="worse"),
        Verdict("accuracy", "passed", 0.9, 0.91, 0.8, reference_runs=10, detectable=0.025),
        Verdict("throughput", "new", 12345.678),
        Verdict("epoch_seconds", "shown", 1.5, gated=False),
    )
    run = make_run(params=(("loss", "logits"), ("rate", 0.1)))
    found.outcomes.append(("test-1", Outcome(run, verdicts)))
    return found


def table(session: Session, verbose: bool = False, colour: bool = False) -> list[str]:
    return rendered(session, Paper(120, colour), verbose=verbose)


def test_each_gated_metric_is_a_row_with_all_that_was_judged(session: Session) -> None:
    lines = [line.split() for line in table(session)]
    assert lines[0] == [
        "workload", "device", "metric", "value", "reference", "runs", "bound", "sees", "verdict",
    ]  # fmt: skip
    name = ["alpha", "loss=logits", "rate=0.1", "cpu"]
    assert lines[1:] == [
        [*name, "loss", "0.98765", "0.5", "10", "0.6", "-", "regressed"],
        [*name, "accuracy", "0.9", "0.91", "10", "0.8", "2.5pt", "passed"],
        [*name, "throughput", "12346", "-", "-", "-", "-", "new"],
    ]


def test_metrics_that_are_not_gated_are_shown_on_request(session: Session) -> None:
    assert "epoch_seconds" not in "\n".join(table(session))
    last = table(session, verbose=True)[-1].split()
    assert last[-7:] == ["epoch_seconds", "1.5", "-", "-", "-", "-", "shown"]


def test_colour_is_used_only_where_it_is_wanted(session: Session) -> None:
    assert not any("\x1b" in line for line in table(session))
    assert any("\x1b[1;31mregressed" in line for line in table(session, colour=True))


def test_a_run_without_gates_is_a_row_of_its_state(session: Session, make_run: MakeRun) -> None:
    run = make_run(state=DIVERGED)
    session.outcomes[:] = [("a", Outcome(run, ())), ("b", Outcome(run, (), expected=False))]
    rows = [line.split() for line in table(session)[1:]]
    assert [row[-7:] for row in rows] == [
        ["(diverged)", "-", "-", "-", "-", "-", "passed"],
        ["(diverged)", "-", "-", "-", "-", "-", "failed"],
    ]


def test_runs_that_measured_nothing_are_checked_and_counted_by_what_they_say(
    session: Session, make_run: MakeRun
) -> None:
    run = make_run(epochs=(), evaluation=None)
    session.outcomes[:] = [
        ("a", Outcome(run, (), message="lowers")),
        ("b", Outcome(run, (), message="lowers")),
        ("c", Outcome(run, (), expected=False, message="does not lower")),
    ]
    rows = [line.split() for line in table(session)[1:]]
    assert [row[-7::6] for row in rows] == [["(checked)", "passed"]] * 2 + [["(checked)", "failed"]]
    assert footer(session, COMMAND) == [
        "3 runs (1 failed), 0 gated metrics: none (false alarms: at most 1% of sessions)",
        "2 runs checked: lowers",
    ]


def test_a_long_name_is_folded_and_no_number_is_cut(session: Session, make_run: MakeRun) -> None:
    run = make_run(workload="w" * 60, params=tuple((f"parameter_{i}", i) for i in range(5)))
    session.outcomes[:] = [("a", Outcome(run, (Verdict("loss", "passed", 0.123456789),)))]
    text = "\n".join(rendered(session, Paper(110, colour=False), verbose=False))
    assert "0.12346" in text
    assert "passed" in text
    assert "parameter_4=4" in text.replace("\n", "")
    assert max(map(len, text.splitlines())) <= 110


def test_brackets_in_a_parameter_are_text_and_not_markup(
    session: Session, make_run: MakeRun
) -> None:
    run = make_run(params=(("path", "[bold]x[/bold]"),))
    session.outcomes[:] = [("a", Outcome(run, (Verdict("loss", "passed", 1.0),)))]
    assert "path=[bold]x[/bold]" in "\n".join(table(session))


COMMAND = "pytest bench -m cpu"


def test_the_footer_counts_and_states_the_rate_of_false_alarms(session: Session) -> None:
    lines = footer(session, COMMAND)
    assert lines[0] == (
        "1 run, 3 gated metrics: 1 regressed, 1 new, 1 passed "
        "(false alarms: at most 1% of sessions)"
    )


def test_a_run_that_broke_is_counted(session: Session, make_run: MakeRun) -> None:
    session.outcomes[:] = [("a", Outcome(make_run(), (), expected=False)), *session.outcomes]
    assert footer(session, COMMAND)[0].startswith("2 runs (1 failed), 3 gated metrics: ")


def test_a_new_metric_names_the_command_that_records_it(session: Session) -> None:
    assert footer(session, COMMAND)[1] == (
        "1 new: no baseline yet; record one with: pytest bench -m cpu --update-baselines --seeds 12"
    )
    session.options = replace(session.options, update_baselines=True)
    assert "no baseline yet" not in "\n".join(footer(session, COMMAND))


def test_reasons_are_told_once_with_their_places_or_their_count(
    session: Session, make_run: MakeRun
) -> None:
    busy = Verdict("throughput", "contended", 1.0, message="other processes were busy")
    session.outcomes[:] = [
        ("a", Outcome(make_run(), (busy,))),
        ("b", Outcome(make_run(workload="beta"), (busy,))),
    ]
    said = "alpha throughput, beta throughput: contended: other processes were busy"
    assert said in footer(session, COMMAND)
    session.outcomes.append(("c", Outcome(make_run(workload="gamma"), (busy,))))
    assert "3 metrics contended: other processes were busy" in footer(session, COMMAND)


def test_a_regressions_message_is_left_to_its_own_test(session: Session) -> None:
    assert not any("worse" in line for line in footer(session, COMMAND))


def test_damaged_lines_and_notes_close_the_footer(session: Session) -> None:
    folder = session.options.settings.baselines / "alpha"
    folder.mkdir(parents=True)
    (folder / "portable.jsonl").write_text("junk\n")
    session.notes.append("a note")
    lines = footer(session, COMMAND)
    assert lines[-2].startswith(f"baseline line left out: {folder}/portable.jsonl:1: not JSON")
    assert lines[-1] == "a note"


def test_a_session_without_gates_has_a_footer_too(session: Session) -> None:
    session.outcomes.clear()
    session.gates = 0
    assert footer(session, COMMAND) == [
        "0 runs, 0 gated metrics: none (false alarms: at most 1% of sessions)"
    ]
