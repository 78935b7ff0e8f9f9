"""The history's lines and files: the head says what the run says, and nothing stops a session."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench import codec
from accelbench.records import COMPLETED, Evaluation, Reading, Run, State, Verdict
from accelbench.store.history import (
    SCHEMA,
    SessionFile,
    dumps,
    line_of,
    loads,
    make_folder,
)
from accelbench.store.identity import key_of
from accelbench.store.keeper import Keeper

MakeRun = Callable[..., Run]


# -------------------------------------------------------------------------------------------- lines
def test_the_head_of_a_line_comes_first_and_says_what_the_run_says(make_run: MakeRun) -> None:
    treatment = (("host", "host-1"), ("unit", "gpu-3"))
    run = make_run(treatment=treatment, steps=make_run().steps)
    text = dumps(line_of(run, (Verdict("accuracy", "regressed", 0.9),), expected=False))
    value = json.loads(text)
    assert list(value) == [
        "schema", "keys", "run_id", "session_id", "time", "state", "workload", "device", "host",
        "unit", "role", "expected", "judged", "run",
    ]  # fmt: skip
    assert text.startswith('{"schema": 1, "keys": {"portable": "')
    assert value["keys"]["portable"] == key_of(run, "portable").digest
    assert value["keys"]["device"] == key_of(run, "device").digest
    assert value["run_id"] == run.provenance.run_id
    assert (value["session_id"], value["time"]) == ("session-1", "2026-01-02T03:04:05+00:00")
    assert (value["host"], value["unit"], value["role"]) == ("host-1", "gpu-3", "screen")
    assert (value["state"], value["expected"]) == ("completed", False)
    assert {
        "metric": "accuracy",
        "reading": {"value": 0.9, "censored": False, "trials": 360},
        "status": "regressed",
    } in value["judged"]
    assert value["run"] == codec.to_json(run.condensed())


def test_every_metric_of_a_run_is_read_and_a_verdict_without_a_reading_is_kept(
    make_run: MakeRun,
) -> None:
    run = make_run(steady_state=False, evaluation=Evaluation(loss=0.5, samples=10))
    line = line_of(run, (Verdict("throughput", "inconclusive"), Verdict("loss", "passed", 0.5)))
    judged = {each.metric: each for each in line.judged}
    assert judged["throughput"].reading is None
    assert judged["throughput"].status == "inconclusive"
    assert judged["loss"].reading == Reading(0.5)
    assert judged["loss"].status == "passed"
    assert judged["epoch_seconds"].status == ""
    assert "accuracy" not in judged
    assert "time_to_accuracy" not in judged


@pytest.mark.parametrize("state", ["crashed(exit status 3)", "timed_out(steady)", "diverged"])
def test_a_run_without_anything_to_read_has_a_line(make_run: MakeRun, state: str) -> None:
    run = make_run(state=State.parse(state), epochs=(), evaluation=None)
    line = line_of(run, expected=False)
    assert line.state == state.partition("(")[0]
    assert loads(dumps(line)) == line
    assert not {"accuracy", "loss", "epoch_seconds"} & {each.metric for each in line.judged}


numbers = st.floats(allow_nan=False) | st.just(math.inf)
texts = st.text(max_size=8)


@given(
    loss=numbers, accuracy=st.none() | st.floats(0, 1), text=texts, seed=st.integers(0, 2**31 - 1)
)
def test_a_line_comes_back_equal_whatever_the_run_holds(
    make_run: MakeRun, loss: float, accuracy: float | None, text: str, seed: int
) -> None:
    run = make_run(
        seed=seed,
        message=text,
        params=(("name", text), ("rate", 0.1)),
        evaluation=Evaluation(loss, 360, accuracy),
    )
    line = line_of(run, (Verdict("loss", "passed", loss, message=text),), role=text)
    content = dumps(line)
    assert content.isascii()
    assert "\n" not in content
    assert loads(content) == line


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": SCHEMA + 1}, "schema 2 is newer than this version's 1: upgrade"),
        ({"more": 1}, "not a run: HistoryLine: unknown field more: restore the line or delete it"),
        ({"run": {}}, "not a run: HistoryLine.run: field spec is missing"),
        ({"judged": 3}, "not a run: HistoryLine.judged: a list is expected, not 3"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(
    make_run: MakeRun, change: dict[str, object], says: str
) -> None:
    value = {**json.loads(dumps(line_of(make_run()))), **change}
    with pytest.raises(ValueError, match=says):
        loads(json.dumps(value))
    with pytest.raises(ValueError, match=r"not JSON .*: restore the line or delete it"):
        loads(json.dumps(value)[:-1])


# ------------------------------------------------------------------------------------------ digests
def test_equal_keys_have_equal_digests_and_others_have_others(make_run: MakeRun) -> None:
    digest = key_of(make_run(params=(("a", 1), ("b", 0.5))), "device").digest
    assert len(digest) == 16
    assert int(digest, 16) >= 0
    for equal in ((("a", 1.0), ("b", 0.5)), (("a", True), ("b", 0.5))):
        assert key_of(make_run(params=equal), "device").digest == digest
    others = [(("a", 2), ("b", 0.5)), (("a", "1"), ("b", 0.5)), (("a", 1),)]
    found = {key_of(make_run(params=params), "device").digest for params in others}
    assert len(found | {digest}) == 4
    run = make_run(params=(("a", 1), ("b", 0.5)))
    assert key_of(run, "portable").digest != digest
    assert key_of(make_run(params=run.spec.params, seed=7), "device").digest == digest


values = st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from(["1", "1.0", ""])


@given(one=values, two=values)
def test_digests_are_equal_exactly_where_keys_are(
    make_run: MakeRun, one: float | str, two: float | str
) -> None:
    first, second = (key_of(make_run(params=(("x", v),)), "portable") for v in (one, two))
    assert (first.digest == second.digest) == (first == second)


# -------------------------------------------------------------------------------------------- files
def test_each_session_has_a_file_that_grows_line_by_line(tmp_path: Path, make_run: MakeRun) -> None:
    keeper = Keeper(tmp_path / "new" / "history")
    lines = [line_of(make_run(run_id=f"r{n}", session_id=f"s{n % 2}")) for n in range(4)]
    for count, line in enumerate(lines, 1):
        keeper.keep(line)
        stored = [p.read_text() for p in sorted((tmp_path / "new" / "history").glob("*.jsonl"))]
        assert sum(text.count("\n") for text in stored) == count
    assert keeper.complaint is None
    keeper.close()
    content = (tmp_path / "new" / "history" / "s0.jsonl").read_text().splitlines()
    assert [loads(text) for text in content] == [lines[0], lines[2]]


def test_a_new_folder_is_kept_out_of_git_and_an_old_one_left_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "new")
    assert "*" in (tmp_path / "new" / ".gitignore").read_text().splitlines()
    (tmp_path / "old").mkdir()
    make_folder(tmp_path / "old")
    assert list((tmp_path / "old").iterdir()) == []


def test_a_session_without_history_writes_nothing(tmp_path: Path, make_run: MakeRun) -> None:
    keeper = Keeper(None)
    keeper.keep(line_of(make_run()))
    assert keeper.complaint is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_line_and_no_error(
    tmp_path: Path, make_run: MakeRun
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        keeper = Keeper(place)
        keeper.keep(line_of(make_run()))
        keeper.keep(line_of(make_run()))
        complaint = str(keeper.complaint)
        assert complaint.startswith(f"2 runs not stored in the history {place} (")
        assert "choose another folder with --history DIR" in complaint
        assert "--no-history" in complaint
        assert "\n" not in complaint


def test_judgements_lie_beside_the_runs_and_are_lost_with_them(
    tmp_path: Path, make_run: MakeRun
) -> None:
    keeper = Keeper(tmp_path / "history")
    keeper.keep(line_of(make_run()))
    keeper.keep_judgement("session-1", '{"schema": 1}')
    keeper.keep_judgement("session-1", '{"schema": 1}')
    keeper.close()
    path = tmp_path / "history" / "verdicts" / "session-1.jsonl"
    assert path.read_text() == '{"schema": 1}\n' * 2
    (tmp_path / "file").write_text("")
    lost = Keeper(tmp_path / "file")
    lost.keep_judgement("session-1", "{}")
    assert lost.complaint is None, "only runs are counted, and each has its line"
    Keeper(None).keep_judgement("session-1", "{}")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "history"]


WRITER = """
import resource, signal, sys
from pathlib import Path
from accelbench.store.history import loads
from accelbench.store.keeper import Keeper

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, lines = Path(sys.argv[1]), [loads(text) for text in sys.stdin.read().splitlines()]
keeper = Keeper(folder)
keeper.keep(lines[0])
size = (folder / "session-1.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
keeper.keep(lines[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
keeper.keep(lines[2])
print(keeper.complaint)
"""


def test_a_disk_that_is_full_for_a_while_loses_only_what_came_then(
    tmp_path: Path, make_run: MakeRun
) -> None:
    # A limit on the size of files stops the write in the middle, as a full disk does.
    lines = [line_of(make_run(run_id=f"r{n}")) for n in range(3)]
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        input="\n".join(dumps(line) for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"1 run not stored in the history {tmp_path} (File too large): ")
    content = (tmp_path / "session-1.jsonl").read_text().splitlines()
    assert [loads(text) for text in content] == [lines[0], lines[2]]


def test_a_line_after_a_torn_one_stands_alone(
    tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Neither the end of the write nor the repair of it: a disk that is gone for a moment.
    file = SessionFile(tmp_path, "session-1")
    write = os.write

    def torn(descriptor: int, content: bytes) -> int:
        write(descriptor, content[:50])
        raise OSError(5, "Input/output error")

    def refuse(_descriptor: int, _size: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", torn)
        patched.setattr(os, "ftruncate", refuse)
        with pytest.raises(OSError, match="Input/output error"):
            file.append(line_of(make_run(run_id="lost")))
    file.append(line_of(make_run(run_id="kept")))
    file.append(line_of(make_run(run_id="next")))
    content = file.path.read_text().splitlines()
    assert len(content) == 3
    assert len(content[0]) == 50
    assert [loads(text).run_id for text in content[1:]] == ["kept", "next"]


KILLED = """
import sys, time
from pathlib import Path
from accelbench.store.history import loads
from accelbench.store.keeper import Keeper

keeper = Keeper(Path(sys.argv[1]))
for text in sys.stdin.read().splitlines():
    keeper.keep(loads(text))
print("stored", flush=True)
time.sleep(600)
"""


def test_a_killed_session_keeps_what_it_had_stored(tmp_path: Path, make_run: MakeRun) -> None:
    lines = [line_of(make_run(run_id=f"r{n}", state=COMPLETED)) for n in range(2)]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin as stdin:
        stdin.write("\n".join(dumps(line) for line in lines))
    assert process.stdout.readline() == "stored\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    content = (tmp_path / "session-1.jsonl").read_text().splitlines()
    assert [loads(text) for text in content] == lines


def test_two_processes_that_share_a_file_do_not_mix_their_lines(
    tmp_path: Path, make_run: MakeRun
) -> None:
    # A session id that two hosts drew: appending keeps every line whole.
    files = [SessionFile(tmp_path, "session-1") for _ in range(2)]
    for number in range(20):
        files[number % 2].append(line_of(make_run(run_id=f"r{number}")))
    content = (tmp_path / "session-1.jsonl").read_text().splitlines()
    assert [loads(text).run_id for text in content] == [f"r{n}" for n in range(20)]
