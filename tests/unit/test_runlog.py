"""A run's log keeps its end, whatever is poured into it."""

from __future__ import annotations

import os
from pathlib import Path

from accelbench import runlog


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {i}\n" for i in range(100)))
    assert runlog.tail(log, 3) == "line 97\nline 98\nline 99"


def test_a_missing_log_has_no_tail(tmp_path: Path) -> None:
    assert not runlog.tail(tmp_path / "none")
    runlog.trim(tmp_path / "none")


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"good\n\xff\xfe\n")
    assert runlog.tail(log) == "good\n��"


def test_one_endless_line_gives_a_tail_of_bounded_size(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 2**20)
    assert 0 < len(runlog.tail(log)) <= 16 * 2**10


def test_a_log_of_the_allowed_size_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\0")
    os.truncate(log, runlog.LARGEST_BYTES)
    runlog.trim(log)
    assert log.stat().st_size == runlog.LARGEST_BYTES


def test_a_flooded_log_is_cut_to_its_tail_while_the_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab") as writer:
        writer.write(b"flood\n" * (runlog.LARGEST_BYTES // 6 + 1))
        writer.write(b"last words\n")
        writer.flush()
        size = log.stat().st_size
        runlog.trim(log)
        writer.write(b"goes on\n")
    content = log.read_bytes()
    left_out = size - runlog.TAIL_BYTES
    assert content.startswith(f"[{left_out} bytes left out here]\n".encode())
    assert content.endswith(b"flood\nlast words\ngoes on\n")
    assert len(content) < runlog.TAIL_BYTES + 100
