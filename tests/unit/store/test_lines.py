"""A file of baselines: lines that cannot be read are named and kept, writing is all or nothing."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from accelbench import codec
from accelbench.records import Run
from accelbench.store import lines
from accelbench.store.lines import Line, StoreError, append, locked, read

MakeRun = Callable[..., Run]


@pytest.fixture
def line(make_run: MakeRun) -> Callable[[int], Line]:
    """Makes a line by its number."""

    def make(number: int) -> Line:
        run = make_run(run_id=f"run-{number}", seed=number)
        return Line(1, "recorded", "A Person", "2026-01-02T03:04:05+00:00", run)

    return make


MakeLine = Callable[[int], Line]


def test_what_is_appended_is_read_back(tmp_path: Path, line: MakeLine) -> None:
    path = tmp_path / "portable.jsonl"
    append(path, [line(1), line(2)])
    append(path, [line(3)])
    assert read(path) == ([line(1), line(2), line(3)], [])
    assert path.read_text().count("\n") == 3
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_missing_file_has_no_lines_and_no_problems(tmp_path: Path) -> None:
    assert read(tmp_path / "none.jsonl") == ([], [])


def changed(line: Line, **changes: object) -> str:
    return json.dumps({**json.loads(codec.dumps(line)), **changes})


def test_lines_that_do_not_count_are_named_and_the_others_count(
    tmp_path: Path, line: MakeLine
) -> None:
    path = tmp_path / "portable.jsonl"
    run = json.loads(codec.dumps(line(5)))["run"]
    texts = [
        codec.dumps(line(1)),
        '{"schema": 1, "run": {',
        changed(line(2), schema=2),
        codec.dumps(line(1)),
        "",
        changed(line(3), run={**run, "epochs": 3}),
        "[1, 2]",
        changed(line(3), more=1),
        codec.dumps(line(4)),
    ]
    path.write_text("\n".join(texts) + "\n")
    found, problems = read(path)
    assert found == [line(1), line(4)]
    said = [str(problem) for problem in problems]
    assert [text.split(": ")[0] for text in said] == [f"{path}:{n}" for n in (2, 3, 4, 6, 7, 8)]
    assert "not JSON (Expecting property name" in said[0]
    assert "restore the line or delete it" in said[0]
    assert "schema 2 is newer than this version's 1: upgrade pytest-accelbench" in said[1]
    assert "the same run as in line 1, counted once: delete one of the two" in said[2]
    assert "not a run: Line.run.epochs: a list is expected, not 3" in said[3]
    assert "not a run: Line: an object is expected" in said[4]
    assert "unknown field more" in said[5]
    assert not any("\n" in text for text in said)


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\0", b"[" * 100_000, b'{"schema": 1e400}', b'{"schema": "x"}', b"null", b"1" * 5000],
    ids=["no text", "deep", "infinite", "text", "null", "long number"],
)
def test_no_line_whatever_stops_the_reading(tmp_path: Path, line: MakeLine, content: bytes) -> None:
    path = tmp_path / "portable.jsonl"
    path.write_bytes(content + b"\n" + codec.dumps(line(1)).encode() + b"\n")
    found, problems = read(path)
    assert found == [line(1)]
    assert [problem.number for problem in problems] == [1]


def test_characters_that_other_readers_take_for_line_ends_do_not_split_a_line(
    tmp_path: Path, line: MakeLine, make_run: MakeRun
) -> None:
    path = tmp_path / "portable.jsonl"
    odd = Line(1, "a\u2028b\x85c\x0bd", "A Person", "now", make_run())
    append(path, [odd, line(2)])
    assert read(path) == ([odd, line(2)], [])


def test_a_folder_in_the_place_of_a_file_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    found, problems = read(tmp_path)
    assert found == []
    assert "cannot be read: Is a directory" in str(problems[0])


def test_a_run_is_not_written_twice(tmp_path: Path, line: MakeLine) -> None:
    path = tmp_path / "portable.jsonl"
    append(path, [line(1)])
    before = path.stat()
    append(path, [line(1)])
    assert path.stat().st_ino == before.st_ino
    append(path, [line(1), line(2)])
    assert read(path) == ([line(1), line(2)], [])


def test_a_run_that_is_given_twice_is_written_once_and_counted_once(
    tmp_path: Path, line: MakeLine
) -> None:
    path = tmp_path / "portable.jsonl"
    assert append(path, [line(1), line(2), line(1)]) == [line(1), line(2)]
    assert read(path) == ([line(1), line(2)], [])
    assert append(path, [line(3), line(2), line(3)]) == [line(3)]
    assert append(path, [line(3)]) == append(path, []) == []
    assert path.read_text().count("\n") == 3


def test_damaged_lines_and_a_missing_last_newline_are_kept(tmp_path: Path, line: MakeLine) -> None:
    path = tmp_path / "portable.jsonl"
    path.write_text('{"broken": \n' + codec.dumps(line(1)))
    path.chmod(0o664)
    append(path, [line(2)])
    texts = path.read_text().splitlines()
    assert texts == ['{"broken": ', codec.dumps(line(1)), codec.dumps(line(2))]
    assert path.stat().st_mode & 0o777 == 0o664


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from accelbench import codec
from accelbench.store.lines import Line, StoreError, append

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, line = Path(sys.argv[1]), codec.loads(Line, sys.stdin.read())
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100,) * 2)
try:
    append(path, [line])
except StoreError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_file_as_it_was_and_says_so(tmp_path: Path, line: MakeLine) -> None:
    # A limit on the size of files stops the write in the middle, as a full disk does.
    assert hasattr(resource, "RLIMIT_FSIZE")
    path = tmp_path / "portable.jsonl"
    append(path, [line(1)])
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        input=codec.dumps(line(2)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{path} was not written (File too large): it is as before, 1 runs are" in done.stdout
    assert done.stdout.count("\n") == 1
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["portable.jsonl"]


def test_an_interruption_while_writing_leaves_nothing_behind(
    tmp_path: Path, line: MakeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "portable.jsonl"
    append(path, [line(1)])

    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        append(path, [line(2)])
    assert read(path) == ([line(1)], [])
    assert [each.name for each in tmp_path.iterdir()] == ["portable.jsonl"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match=f"cannot write into {tmp_path}/file/alpha: "),
        locked(tmp_path / "file" / "alpha"),
    ):
        pass


def test_a_folder_that_another_session_never_frees_is_one_line_and_no_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LOCK_SECONDS", 0.2)
    with (
        locked(tmp_path),
        pytest.raises(StoreError, match="another session has held it for 0 s") as caught,
        locked(tmp_path),
    ):
        pass
    assert str(caught.value).startswith(f"cannot write into {tmp_path}: ")
    with locked(tmp_path):  # free again, and by who gave up too
        pass


def test_a_folder_is_waited_for_until_it_is_free(tmp_path: Path) -> None:
    holder = locked(tmp_path)
    holder.__enter__()
    later = threading.Timer(0.3, holder.__exit__, (None, None, None))
    later.start()
    with locked(tmp_path):
        assert later.finished.is_set()
    later.join()


def test_a_folder_without_locks_is_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:  # as a folder on NFS does
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StoreError) as caught, locked(tmp_path):
        pass
    assert str(caught.value) == (
        f"cannot write into {tmp_path}: it cannot be locked (Bad file descriptor); "
        "choose a folder on a local disk (accelbench_baselines)"
    )


ROUNDS = 40

WRITER = f"""
import dataclasses, sys
from pathlib import Path
from accelbench import codec
from accelbench.store.lines import Line, append, locked

path, name = Path(sys.argv[1]), sys.argv[2]
line = codec.loads(Line, sys.stdin.readline())
print("ready", flush=True)
sys.stdin.readline()
for number in range({ROUNDS}):
    source = dataclasses.replace(line.run.provenance, run_id=f"{{name}}-{{number}}")
    fresh = dataclasses.replace(line, run=dataclasses.replace(line.run, provenance=source))
    with locked(path.parent):
        append(path, [fresh])
"""


def test_two_sessions_that_update_one_file_at_once_lose_nothing(
    tmp_path: Path, line: MakeLine
) -> None:
    path = tmp_path / "alpha" / "portable.jsonl"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    for writer in writers:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(codec.dumps(line(1)) + "\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    # Whoever reads meanwhile sees whole lines only, and never fewer than before.
    seen = 0
    while any(writer.poll() is None for writer in writers):
        found, problems = read(path)
        assert problems == []
        assert len(found) >= seen
        seen = len(found)
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.communicate()
    ids = [each.run.provenance.run_id for each in read(path)[0]]
    assert sorted(ids) == sorted(f"{name}-{n}" for name in "ab" for n in range(ROUNDS))
    assert [each.name for each in path.parent.iterdir()] == ["portable.jsonl"]


def test_a_schema_of_its_own_is_written(tmp_path: Path, line: MakeLine) -> None:
    append(tmp_path / "x.jsonl", [line(1)])
    written = json.loads((tmp_path / "x.jsonl").read_text())
    assert written["schema"] == lines.SCHEMA == 1
    assert set(written) == {"schema", "segment", "reason", "accepted_by", "accepted_at", "run"}
