"""A question to an interpreter behind srun: its limit rests in the queue, and nothing stays."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from accelbench import question
from accelbench.workers.watchdog import RUN_VARIABLE

ENV = {RUN_VARIABLE: "find@0123456789abcdef"}


def program(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_an_answer_has_status_and_words() -> None:
    code = "import sys; print(sys.stdin.read()); print('oops', file=sys.stderr); sys.exit(3)"
    answer = question.put([sys.executable, "-c", code], ENV, b"told", 60)
    assert answer == question.Answer(3, b"told\n", b"oops\n")


def test_a_missing_program_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        question.put(["/nonexistent/srun"], ENV, b"", 60)


def test_no_answer_in_time_ends_what_was_started(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    hangs = program(tmp_path, "hangs", f"trap 'touch {ended}; exit' TERM; sleep 60 & wait")
    with pytest.raises(TimeoutError):
        question.put([hangs], ENV, b"", 0.5)
    assert ended.exists()  # asked, not killed


@pytest.mark.parametrize(
    ("says", "passes"), [("queued and waiting for resources", True), ("", False)]
)
def test_no_limit_runs_while_srun_waits(tmp_path: Path, says: str, passes: bool) -> None:
    srun = program(
        tmp_path,
        "srun",
        f'echo "srun: job 5 {says}" >&2\nsleep 2\n'
        'echo "srun: job 5 has been allocated resources" >&2',
    )
    begun = time.monotonic()
    if passes:
        assert question.put([srun, "--unbuffered"], ENV, b"", 1.0).status == 0
        assert time.monotonic() - begun >= 2
    else:
        with pytest.raises(TimeoutError):
            question.put([srun, "--unbuffered"], ENV, b"", 1.0)
