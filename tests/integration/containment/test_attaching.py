"""The device's command: what it prints, how it fails, and that it may never come up."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Checkout

HANGS_AS_A_CHILD = "echo waiting for an allocation\nsleep 1000\n"
HANGS_AS_A_DAEMON = "setsid sleep 1000 &\necho waiting for an allocation\nsleep 1000\n"


def use(checkout: Checkout, *command: str) -> None:
    """Make `command` the CPU's interpreter."""
    quoted = ", ".join(f"'{each}'" for each in command)
    checkout.configure(f"[tool.accelbench.device.cpu]\ncommand = [{quoted}]\n")


def wrap(checkout: Checkout, text: str) -> None:
    """Put a shell script in front of the interpreter."""
    path = checkout.root / "wrapper"
    path.write_text(f'#!/bin/sh\n{text}\nexec "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    use(checkout, str(path), sys.executable)


@pytest.fixture(autouse=True)
def good(checkout: Checkout) -> None:
    checkout.workload("good")
    checkout.tests()


def test_noise_on_stdout_before_the_interpreter_is_survived(
    checkout: Checkout, parallel: tuple[str, ...]
) -> None:
    wrap(checkout, "echo 'Loading module sdk/3.4'\nprintf '\\377\\376\\000\\033[2Jno newline'")
    done = checkout.pytest(*parallel, "--basetemp", "scratch")
    assert done.status == 0, done.text
    (log,) = (checkout.root / "scratch").rglob("good-cpu-*.log")
    assert log.read_bytes() == b"Loading module sdk/3.4\n\xff\xfe\0\x1b[2Jno newline"


@pytest.mark.parametrize("script", [HANGS_AS_A_CHILD, HANGS_AS_A_DAEMON], ids=["child", "daemon"])
def test_command_that_hangs_before_python_starts_is_ended(checkout: Checkout, script: str) -> None:
    wrap(checkout, script)
    done = checkout.accelbench("run", "good", "--stall-timeout", "attach=1")
    assert done.status == 1
    assert done.out.startswith("good on cpu: timed_out(attach), seed ")
    assert done.err.splitlines() == [
        "no progress for 1 s in phase attach (limit 1 s; --stall-timeout attach=SECONDS raises it)",
        "--- last lines of the worker's output",
        "waiting for an allocation",
    ]
    assert checkout.leftovers() == []


def test_session_ends_a_command_that_hangs(checkout: Checkout, parallel: tuple[str, ...]) -> None:
    wrap(checkout, HANGS_AS_A_CHILD)
    done, said = checkout.reports(*parallel, "--stall-timeout", "attach=1")
    assert done.status == 1
    assert said["test_cell[good-cpu]"].startswith("good timed_out(attach): no progress for 1 s in")
    assert said["test_cell[good-cpu]"].endswith("waiting for an allocation")


@pytest.mark.parametrize(
    ("command", "ending", "words"),
    [
        (("env", "/no/such/python"), "exit status 127", "No such file or directory"),
        (("sh", "-c", "echo no licence >&2; exit 3"), "exit status 3", "no licence"),
        (("sh", "-c", "kill -9 $$"), "killed by signal 9", "signal 9"),
        (("echo", "not an interpreter"), "exit status 0", "not an interpreter -u -c"),
    ],
)
def test_command_that_ends_at_once_is_named_with_its_words(
    checkout: Checkout, command: tuple[str, ...], ending: str, words: str
) -> None:
    use(checkout, *command)
    done = checkout.accelbench("run", "good")
    assert done.status == 1
    assert "good on cpu: crashed(attach)" in done.out
    assert done.err.splitlines()[0] == f"the interpreter ended at once ({ending})"
    assert words in done.err


def test_missing_interpreter_is_the_devices_own_word(checkout: Checkout) -> None:
    use(checkout, "/no/such/python")
    words = "cpu: its interpreter /no/such/python does not exist"
    done = checkout.accelbench("run", "good")
    assert (done.status, done.err) == (1, f"Error: {words}\n")
    explained = checkout.accelbench("devices", "--explain", "cpu")
    assert "missing      its interpreter /no/such/python does not exist" in explained.out


def test_missing_interpreter_skips_and_where_required_fails(
    checkout: Checkout, parallel: tuple[str, ...]
) -> None:
    use(checkout, "/no/such/python")
    words = "cpu: its interpreter /no/such/python does not exist"
    done = checkout.pytest(*parallel, "-rs")
    assert done.status == 0
    assert "1 skipped" in done.out
    assert [line for line in done.out.splitlines() if line.startswith("SKIPPED") and words in line]
    done, said = checkout.reports(*parallel, "--require-device", "cpu")
    assert done.status == 1
    assert said["test_cell[good-cpu]"] == f"{words} (--require-device)"


def test_interpreter_that_cannot_be_executed_is_named(checkout: Checkout) -> None:
    path = checkout.root / "not-a-program"
    path.write_bytes(b"\x7fELF but not really")
    path.chmod(0o755)
    use(checkout, str(path))
    done = checkout.accelbench("run", "good")
    assert (done.status, done.err) == (1, f"cannot start {path}: Exec format error\n")


def test_noise_that_never_ends_is_cut_by_the_attach_limit(checkout: Checkout) -> None:
    wrap(checkout, "while :; do echo still loading; sleep 0.01; done")
    done = checkout.accelbench("run", "good", "--stall-timeout", "attach=1")
    assert done.status == 1
    assert "timed_out(attach)" in done.out
    assert done.err.endswith("still loading\n")


def test_lock_folder_that_cannot_be_written_is_named(
    checkout: Checkout, parallel: tuple[str, ...]
) -> None:
    checkout.locks.write_text("a file where the folder should be", encoding="utf-8")
    lock = Path(checkout.locks, "accelbench.allocator")
    done = checkout.accelbench("run", "good")
    assert done.status == 1
    (line,) = done.err.splitlines()
    assert line.startswith(f"Error: cannot lock {lock}: ")
    assert line.endswith(
        "set ACCELBENCH_LOCKS to a folder of this host that all its users can write"
    )
    session, said = checkout.reports(*parallel)
    assert session.status == 1
    assert said["test_cell[good-cpu]"] == line.removeprefix("Error: ")
