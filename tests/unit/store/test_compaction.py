"""Compaction: nothing lost, nothing doubled, wherever it ends."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from accelbench.store import StoreError, archive
from accelbench.store.archive import Choice
from accelbench.store.compaction import FINISHED_SECONDS, compact
from accelbench.store.history import HistoryLine, dumps
from accelbench.store.keeper import Keeper
from accelbench.store.past import screen_input

MakeLine = Callable[..., HistoryLine]
Store = Callable[..., None]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".gitignore")


def kinds(folder: Path) -> list[str]:
    return [name.rpartition(".")[2] for name in names(folder)]


def test_whole_runs_come_back_equal(tmp_path: Path, make_line: MakeLine, store: Store) -> None:
    lines = [make_line(night, number) for night in range(4) for number in range(3)]
    lines.append(make_line(5, loss=float("nan"), message="ümlaut \u2028 'quoted' \"twice\"\n\x01"))
    store(tmp_path, *lines)
    before = archive.runs(tmp_path).lines
    texts = {text for path in tmp_path.glob("*.jsonl") for text in path.read_text().splitlines()}
    done = compact(tmp_path, everything=True)
    assert (done.runs, done.files, done.left) == (13, 5, [])
    assert done.bytes_before == sum(len(text) + 1 for text in texts)
    assert kinds(tmp_path) == ["parquet"]
    assert done.bytes_after == (tmp_path / names(tmp_path)[0]).stat().st_size
    after = archive.runs(tmp_path)
    assert repr(after.lines) == repr(before)  # nan is not equal to itself
    assert after.problems == []
    archive.export(tmp_path, Choice(), "jsonl", tmp_path / "back")
    assert set((tmp_path / "back").read_text().splitlines()) == texts


def test_only_sessions_of_a_day_ago_are_merged_unless_all_are_asked_for(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    store(tmp_path, make_line(1), make_line(2))
    old, new = sorted(tmp_path.glob("*.jsonl"))
    past = time.time() - FINISHED_SECONDS - 60
    os.utime(old, (past, past))
    assert compact(tmp_path).runs == 1
    assert kinds(tmp_path) == ["jsonl", "parquet"]
    assert names(tmp_path)[0] == new.name
    assert compact(tmp_path).files == 0
    # Small compacted files are merged again, so that there are never many.
    assert compact(tmp_path, everything=True).runs == 2
    assert kinds(tmp_path) == ["parquet"]
    assert len(archive.runs(tmp_path).lines) == 2


def test_a_session_that_still_runs_is_left_alone(tmp_path: Path, make_line: MakeLine) -> None:
    keeper = Keeper(tmp_path)
    keeper.keep(make_line(1))
    done = compact(tmp_path, everything=True)
    assert done.files == 0
    assert [problem.text for problem in done.left] == ["its session still runs"]
    keeper.keep(make_line(1, 1))
    keeper.close()
    assert compact(tmp_path, everything=True).runs == 2


def test_a_file_with_lines_that_do_not_count_stays_as_it_is(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    store(tmp_path, make_line(1), make_line(2), make_line(3))
    paths = sorted(tmp_path.glob("*.jsonl"))
    for path, junk in zip(
        paths, ('{"schema": 1, "torn', '{"schema": 1, "keys": 3, "run": {}}'), strict=False
    ):
        path.write_text(path.read_text() + junk + "\n")
    before = [path.read_bytes() for path in paths[:2]]
    done = compact(tmp_path, everything=True)
    assert done.runs == 1
    assert [path.read_bytes() for path in paths[:2]] == before
    assert not paths[2].exists()
    assert [problem.path for problem in done.left] == paths[:2]
    assert len(archive.runs(tmp_path).lines) == 3


def test_a_run_that_lies_in_many_files_is_stored_once(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    store(tmp_path, make_line(1), make_line(1), make_line(2))
    (tmp_path / "copy.jsonl").write_bytes((sorted(tmp_path.glob("*.jsonl"))[0]).read_bytes())
    assert compact(tmp_path, everything=True).runs == 2
    store(tmp_path, make_line(1))
    assert compact(tmp_path, everything=True).runs == 2
    assert kinds(tmp_path) == ["parquet"]
    assert len(archive.runs(tmp_path).lines) == 2


def test_large_compacted_files_are_kept_and_their_runs_not_stored_again(
    tmp_path: Path, make_line: MakeLine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, make_line(1))
    compact(tmp_path, everything=True)
    (large,) = tmp_path.glob("*.parquet")
    monkeypatch.setattr("accelbench.store.compaction._FULL_BYTES", 1)
    store(tmp_path, make_line(1), make_line(2))
    assert compact(tmp_path, everything=True).runs == 1
    assert large.exists()
    assert kinds(tmp_path) == ["parquet", "parquet"]
    assert len(archive.runs(tmp_path).lines) == 2


def test_much_is_merged_in_parts(
    tmp_path: Path, make_line: MakeLine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelbench.store.compaction._BATCH_BYTES", 1)
    lines = [make_line(night) for night in range(3)]
    store(tmp_path, *lines)
    before = dict(screen_input(tmp_path, nights=2))
    assert compact(tmp_path, everything=True).runs == 3
    assert kinds(tmp_path) == ["parquet"] * 3
    assert dict(screen_input(tmp_path, nights=2)) == before


def test_a_compacted_run_that_cannot_be_read_is_named_and_the_others_come_back(
    tmp_path: Path, make_line: MakeLine
) -> None:
    # Valid JSON, but no run of this version: stored as it is, for who can read it.
    value = json.loads(dumps(make_line(1)))
    value["run"]["novel"] = 1
    (tmp_path / "other.jsonl").write_text(json.dumps(value) + "\n" + dumps(make_line(2)) + "\n")
    before = archive.runs(tmp_path)
    assert compact(tmp_path, everything=True).runs == 2
    after = archive.runs(tmp_path)
    assert before.lines == after.lines == (make_line(2),)
    (problem,) = after.problems
    assert f"{make_line(1).run_id}: not a run: HistoryLine.run: unknown field novel" in str(problem)
    archive.export(tmp_path, Choice(), "jsonl", tmp_path / "back")
    assert json.dumps(value) in (tmp_path / "back").read_text().splitlines()


# -------------------------------------------------------------------------------------------- kills
KILLED = """
import os, signal, sys
from pathlib import Path
from accelbench.store import compaction

calls, last = 0, int(sys.argv[2])

def dies(function):
    def counted(*arguments, **keywords):
        global calls
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return function(*arguments, **keywords)
    return counted

compaction._write = dies(compaction._write)
os.fsync = dies(os.fsync)
Path.rename = dies(Path.rename)
Path.unlink = dies(Path.unlink)
compaction.compact(Path(sys.argv[1]), everything=True)
"""


def killed(folder: Path, step: int) -> int:
    """Return how a real process ended that was to die before a step, counted from 0."""
    command = [sys.executable, "-c", KILLED, str(folder), str(step)]
    return subprocess.run(command, check=False, timeout=120).returncode


# Steps: write, fsync of the file, rename, fsync of the folder, and one unlink a file.
@pytest.mark.parametrize("step", range(7))
def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(
    tmp_path: Path, make_line: MakeLine, store: Store, step: int
) -> None:
    lines = [make_line(night, number) for night in range(2) for number in range(2)]
    store(tmp_path, *lines[:2])
    compact(tmp_path, everything=True)
    store(tmp_path, *lines[2:], make_line(3))
    before = archive.runs(tmp_path).lines
    screened = dict(screen_input(tmp_path))
    assert len(before) == 5
    assert killed(tmp_path, step) == -signal.SIGKILL
    assert archive.runs(tmp_path) == archive.Archive(before)
    assert dict(screen_input(tmp_path)) == screened
    assert sum(each.runs for each in archive.sessions(tmp_path)[0]) == 5
    # The next one clears up.
    compact(tmp_path, everything=True)
    assert archive.runs(tmp_path).lines == before
    assert all(name.startswith("compacted-") for name in names(tmp_path))


def test_the_steps_of_a_compaction_are_those_that_are_killed(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    store(tmp_path, make_line(0))
    compact(tmp_path, everything=True)
    store(tmp_path, make_line(1), make_line(3))
    assert killed(tmp_path, 7) == 0
    assert kinds(tmp_path) == ["parquet"]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from accelbench.store import compaction

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    compaction.compact(Path(sys.argv[1]), everything=True)
except OSError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_session_files_and_says_so(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    store(tmp_path, *(make_line(night) for night in range(10)))
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.count("\n") == 1
    assert "File too large" in done.stdout
    assert [kind for kind in kinds(tmp_path) if kind == "jsonl"] == ["jsonl"] * 10
    assert len(archive.runs(tmp_path).lines) == 10
    assert compact(tmp_path, everything=True).runs == 10
    assert kinds(tmp_path) == ["parquet"]


def test_two_compactions_do_not_meet(
    tmp_path: Path, make_line: MakeLine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, make_line(1))
    monkeypatch.setattr("accelbench.store.lines.LOCK_SECONDS", 0.2)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another session has held it"):
            compact(tmp_path, everything=True)
    finally:
        os.close(descriptor)
    assert kinds(tmp_path) == ["jsonl"]


READER = """
import sys, time
from pathlib import Path
from accelbench.store.past import screen_input

folder, end = Path(sys.argv[1]), time.monotonic() + 60
print("reading", flush=True)
counts = set()
while not (folder / "stop").exists() and time.monotonic() < end:
    counts.add(sum(len(each) for each in screen_input(folder, measured=["loss"]).values()))
print(sorted(counts))
"""


def test_who_reads_while_it_is_compacted_sees_every_run_once(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    process = None
    try:
        store(tmp_path, *(make_line(0, number) for number in range(3)))
        command = [sys.executable, "-c", READER, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        for _ in range(5):
            compact(tmp_path, everything=True)
            store(tmp_path, make_line(0))
        (tmp_path / "stop").write_text("")
        assert process.communicate(timeout=60)[0] == "[3]\n"
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.communicate()
