"""Baseline lines that do not count, and baseline files that cannot be written."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Checkout

RECORDED = 8

LOSS = 'loss=0.5 + seed % 100 * 1e-9 + float(os.environ.get("WORSE_BY", 0)), samples=10'


@pytest.fixture(scope="module")
def recorded(made_checkout: Callable[[str], Checkout]) -> bytes:
    """A baseline file of real runs, made by the tool."""
    checkout = made_checkout("recorded")
    checkout.workload("good", evaluation=LOSS)
    checkout.tests()
    done = checkout.pytest("--update-baselines", "--seeds", str(RECORDED))
    assert done.status == 0, done.text
    return (checkout.baselines / "good" / "portable.jsonl").read_bytes()


@pytest.fixture
def baseline(checkout: Checkout, recorded: bytes) -> Path:
    """The baseline file of a checkout's only workload."""
    checkout.workload("good", evaluation=LOSS)
    checkout.tests()
    path = checkout.baselines / "good" / "portable.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(recorded)
    return path


def row(out: str) -> list[str]:
    """Return the only row of the table of verdicts."""
    (found,) = [line.split() for line in out.splitlines() if line.startswith("good ")]
    return found


def test_lines_that_do_not_count_are_named_and_the_others_count(
    checkout: Checkout, baseline: Path, recorded: bytes, parallel: tuple[str, ...]
) -> None:
    first, second, *others = recorded.splitlines()
    newer = json.loads(first)
    newer.update(schema=99)
    strange = json.loads(first)
    strange["run"].update(mood="good")
    lines = [
        first,
        first,
        second[: len(second) // 2],
        *others,
        json.dumps(newer).encode(),
        json.dumps(strange).encode(),
        b"\xff\xfe\0",
        b"[" * 100_000,
        b"",
        b"null",
    ]
    baseline.write_bytes(b"\n".join(lines))
    done = checkout.pytest(*parallel)
    assert done.status == 0, done.text
    assert row(done.out)[2] == "loss"
    assert (row(done.out)[5], row(done.out)[-1]) == (str(RECORDED - 1), "passed")
    newest = len(others) + 4
    said = [line for line in done.out.splitlines() if line.startswith("baseline line left out: ")]
    expected = {
        2: "the same run as in line 1, counted once: delete one of the two",
        3: "not JSON (",
        newest: "schema 99 is newer than this version's 1: upgrade pytest-accelbench",
        newest + 1: "not a run: Line.run: unknown field mood: restore the line or delete it",
        newest + 2: "not JSON (",
        newest + 3: "",
        newest + 5: "not a run: Line: an object is expected, not None",
    }
    assert len(said) == len(expected)
    for line, (number, words) in zip(said, expected.items(), strict=True):
        assert line.startswith(f"baseline line left out: {baseline}:{number}: {words}")
    lint = checkout.accelbench("baselines", "lint")
    assert lint.status == 1
    assert [f"baseline line left out: {text}" for text in lint.out.splitlines()[:-1]] == said
    assert lint.out.splitlines()[-1] == f"1 files, 1 references, {len(said)} problems"


def test_lines_that_do_not_count_survive_an_update(
    checkout: Checkout, baseline: Path, recorded: bytes
) -> None:
    damaged = b"{broken\n" + recorded + b'{"schema": 99}'  # nor does the last line end
    baseline.write_bytes(damaged)
    done = checkout.pytest("--update-baselines")
    assert done.status == 0, done.text
    after = baseline.read_bytes()
    assert after.startswith(damaged + b"\n")
    assert len(after.splitlines()) == RECORDED + 3
    assert "1 reference run recorded in 1 baseline file" in done.out


def test_reason_with_line_separators_stays_one_line(checkout: Checkout, baseline: Path) -> None:
    checkout.env["WORSE_BY"] = "1"
    reason = "new data\u2028same model\x85same rate"
    done = checkout.pytest("--update-baselines", "--accept-regression", reason)
    assert done.status == 0, done.text
    last = json.loads(baseline.read_text(encoding="utf-8").split("\n")[-2])
    assert (last["reason"], last["segment"]) == (reason, 2)
    lint = checkout.accelbench("baselines", "lint")
    assert lint.out.splitlines() == [
        f"{baseline}: good, inline, 1 epochs, float32-eager: 1 runs; 5 are needed to judge",
        "1 files, 1 references, 1 problems",
    ]


def test_lint_is_content_with_what_the_tool_wrote(checkout: Checkout, baseline: Path) -> None:
    assert baseline.exists()
    done = checkout.accelbench("baselines", "lint")
    assert (done.status, done.out) == (0, "1 files, 1 references, 0 problems\n")


def test_sessions_that_update_one_baseline_at_once_lose_no_run(
    checkout: Checkout, baseline: Path, recorded: bytes, parallel: tuple[str, ...]
) -> None:
    # A lock folder each, so that they train, and write, at the same time.
    sessions = [
        checkout.start(
            checkout.session(*parallel, "--update-baselines", "--seeds", "2"),
            ACCELBENCH_LOCKS=str(checkout.root / f"locks-{number}"),
        )
        for number in range(2)
    ]
    for session in sessions:
        done = checkout.finish(session)
        assert done.status == 0, done.text
        assert "2 reference runs recorded in 1 baseline file" in done.out
    assert baseline.read_bytes().startswith(recorded)
    runs = [json.loads(line)["run"] for line in baseline.read_bytes().splitlines()]
    assert len({run["provenance"]["run_id"] for run in runs}) == len(runs) == RECORDED + 4
    assert len({run["spec"]["seed"] for run in runs}) == len(runs)
    assert [path.name for path in baseline.parent.iterdir()] == [baseline.name]


NAMESPACE = ("unshare", "-rm", "sh", "-ec")

FULL_DISK = """
cp -r baselines saved
mount -t tmpfs -o size=64k tmpfs baselines
cp -r saved/. baselines
dd if=/dev/zero of=baselines/filler bs=4k 2>/dev/null || true
"$@" && status=$? || status=$?
cp -r baselines after
exit $status
"""

READ_ONLY = """
mount --bind baselines baselines
mount -o remount,bind,ro baselines
"$@" && status=$? || status=$?
cp -r baselines after
exit $status
"""

# The same with another errno where namespaces are not permitted: no file grows past its limit.
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execvp(sys.argv[2], sys.argv[2:])
"""


def namespace(script: str) -> Sequence[str]:
    """Return what to put before a command to run it in a namespace of its own; skip without."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare (util-linux)")
    probe = subprocess.run(
        [*NAMESPACE, "mount -t tmpfs tmpfs /mnt"], capture_output=True, text=True, check=False
    )
    if probe.returncode != 0:
        pytest.skip(f"mount namespaces are not permitted here: {probe.stderr.strip()}")
    return (*NAMESPACE, script, "sh")


def not_written(checkout: Checkout, arguments: Sequence[str], before: Sequence[str]) -> str:
    """Run an update that cannot be written; return its one line of error."""
    done = checkout.pytest(*arguments, "--update-baselines", before=before)
    assert done.status == 1, done.text
    assert row(done.out)[-1] == "passed"  # the test's own outcome is kept
    assert "Traceback" not in done.text
    (line,) = [line for line in done.out.splitlines() if line.startswith("ERROR: ")]
    return line


def test_full_disk_leaves_the_file_as_it_was(
    checkout: Checkout, baseline: Path, recorded: bytes, parallel: tuple[str, ...]
) -> None:
    line = not_written(checkout, parallel, namespace(FULL_DISK))
    assert line.startswith(f"ERROR: {baseline} was not written (No space left on device): it is as")
    assert "1 runs are not in it; free some space or choose another folder" in line
    after = checkout.root / "after" / "good"
    assert (after / "portable.jsonl").read_bytes() == recorded
    assert [path.name for path in after.iterdir()] == ["portable.jsonl"]


def test_file_that_may_not_grow_is_left_as_it_was(
    checkout: Checkout, baseline: Path, recorded: bytes
) -> None:
    large = recorded + b"\n" * resource.getpagesize() * 500  # beyond all other files of a session
    baseline.write_bytes(large)
    before = [sys.executable, "-c", LIMITED, str(len(large) + 10)]
    line = not_written(checkout, (), before)
    assert line.startswith(f"ERROR: {baseline} was not written (File too large): it is as before")
    assert baseline.read_bytes() == large
    assert [path.name for path in baseline.parent.iterdir()] == [baseline.name]


def test_read_only_folder_is_named_and_left_as_it_was(
    checkout: Checkout, baseline: Path, recorded: bytes
) -> None:
    line = not_written(checkout, (), namespace(READ_ONLY))
    assert line.startswith(f"ERROR: {baseline} was not written (Read-only file system): it is as")
    assert baseline.read_bytes() == recorded
    assert [path.name for path in baseline.parent.iterdir()] == [baseline.name]


@pytest.mark.parametrize("place", ["baselines", "baselines/good"])
def test_file_in_place_of_the_folder_is_named(checkout: Checkout, place: str) -> None:
    checkout.workload("good")
    checkout.tests()
    path = checkout.root / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("not a folder", encoding="utf-8")
    done = checkout.pytest("--update-baselines")
    assert done.status == 1, done.text
    assert row(done.out)[-1] == "new"
    assert "Traceback" not in done.text
    (line,) = [line for line in done.out.splitlines() if line.startswith("ERROR: ")]
    assert line.startswith(f"ERROR: cannot write into {checkout.baselines / 'good'}: ")
    assert path.read_text(encoding="utf-8") == "not a folder"


def test_failed_tests_are_never_recorded(checkout: Checkout, parallel: tuple[str, ...]) -> None:
    checkout.workload("crashes", step="os._exit(1)")
    checkout.workload("diverges", evaluation='loss=0.5, samples=10, accuracy=float("nan")')
    checkout.workload("good")
    checkout.tests()
    done = checkout.pytest(*parallel, "--update-baselines")
    assert done.status == 1
    assert [path.name for path in checkout.baselines.iterdir()] == ["good"]
    assert "1 reference run recorded in 1 baseline file" in done.out
