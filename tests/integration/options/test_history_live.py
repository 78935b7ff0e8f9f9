"""The history at work: it feeds the screen, and every verdict of a session can be judged again."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

SHOW = "show it again with: "


def judgements(project: Project) -> list[dict[str, Any]]:
    (path,) = (project.history / "verdicts").glob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_nightly_passes_join_the_screen_and_the_reference_stays(project: Project) -> None:
    project.noise(recorded=True)
    before = project.files()
    for night in range(3):
        assert project.run("-m", "cpu").ret == pytest.ExitCode.OK
        assert project.statuses() == {"accuracy": "passed", "loss": "passed"}
        loss = project.verdict("loss")
        assert (loss["reference_runs"], loss["history_runs"]) == (10, night)
    assert project.files() == before
    assert project.run("-m", "cpu", "--no-history").ret == pytest.ExitCode.OK
    assert project.verdict("loss")["history_runs"] == 0


def test_a_bad_night_joins_only_when_the_next_one_does_not_repeat_it(
    plain_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = plain_project
    project.noise(recorded=True)
    joined = []
    for drop in ("2", "2", "0", "0", "2", "0", "0"):
        monkeypatch.setenv("NOISE_DROP", drop)
        assert project.run("-m", "cpu").ret == pytest.ExitCode.OK
        joined.append((project.statuses()["loss"], project.verdict("loss")["history_runs"]))
    assert joined == [
        ("inconclusive", 0),
        ("inconclusive", 0),  # it repeats the first
        ("passed", 0),
        ("passed", 2),  # the second and third: a pass has cleared the second
        ("inconclusive", 3),
        ("passed", 3),
        ("passed", 5),
    ]


def test_every_verdict_of_a_session_replays_bit_for_bit(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    project.noise("other")
    project.scatter()
    monkeypatch.setenv("NOISE_DROP", "30")
    assert project.run("-m", "cpu").ret == pytest.ExitCode.OK
    stored = judgements(project)
    told = {
        (outcome["run"]["provenance"]["run_id"], verdict["metric"]): verdict
        for outcome in project.outcomes()
        for verdict in outcome["verdicts"]
        if verdict["gated"]
    }
    assert len(stored) == len(told) == 4
    for each in stored:
        run_id = each["about"].partition("run ")[2]
        assert each["verdict"]["status"] == told[run_id, each["case"]["metric"]]["status"]
    (path,) = (project.history / "verdicts").glob("*.jsonl")
    again = project.accelbench("judge", "--replay", str(path))
    assert again.ret == 0
    assert again.outlines[-1] == "4 verdicts replayed, all equal"
    assert any("suspected by screen" in line for line in again.outlines)


def test_the_command_in_a_regressions_message_shows_the_same_verdict_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    project.noise("other")
    monkeypatch.setenv("NOISE_DROP", "100")
    result = project.run("-m", "cpu", "--update-baselines", "--seeds", "9")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (regressed,) = [o for o in project.outcomes() if o["run"]["spec"]["workload"] == "noise"]
    (loss,) = [v for v in regressed["verdicts"] if v["metric"] == "loss"]
    assert loss["status"] == "regressed"
    said = [line.partition(SHOW)[2] for line in result.outlines if SHOW in line]
    program, *arguments = shlex.split(said[0])
    assert program == "accelbench"
    again = project.accelbench(*arguments)
    assert again.ret == 0
    assert again.outlines[-1] == "2 verdicts replayed, all equal"
    # The message names the same numbers, line by line; only the stack and the commands are its own.
    message = loss["message"].split("\n  ")
    shown = "\n".join(again.outlines)
    assert message[0].removeprefix("loss regressed: ") in shown
    for line in message[1:5]:
        assert f"  {line}" in again.outlines
    seed = regressed["run"]["spec"]["seed"]
    assert any(line.startswith(f"noise on cpu, seed {seed}, run ") for line in again.outlines)


def test_without_a_history_nothing_is_promised_and_nothing_stored(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    monkeypatch.setenv("NOISE_DROP", "100")
    result = project.run("-m", "cpu", "--no-history", "--update-baselines", "--seeds", "9")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*accept it with: pytest *"])
    result.stdout.no_fnmatch_line(f"*{SHOW}*")
    assert not project.history.exists()


def test_a_confirmed_improvement_opens_a_new_segment(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    monkeypatch.setenv("NOISE_DROP", "-50")
    result = project.run("-m", "cpu", "--update-baselines", "--seeds", "9")
    assert result.ret == pytest.ExitCode.OK
    assert project.statuses() == {"accuracy": "improved", "loss": "improved"}
    why = "improved, confirmed by 8 fresh runs: accuracy, loss"
    result.stdout.fnmatch_lines(
        [f"9 reference runs recorded in 1 baseline file, as a new segment: {why}"]
    )
    added = project.lines()[10:]
    assert {(line["segment"], line["reason"]) for line in added} == {(2, why)}
    assert len(added) == 9
