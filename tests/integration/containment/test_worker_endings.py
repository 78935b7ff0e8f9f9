"""Workers that end badly: each fails its own test with one clear line, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from accelbench import runlog

if TYPE_CHECKING:
    from tests.integration.conftest import Checkout, Done

    Ended = tuple[Checkout, Done, dict[str, str]]

FAREWELL = 'print("last words", flush=True)\n'

STEPS = {
    "killed": FAREWELL + "os.kill(os.getpid(), signal.SIGKILL)",
    "segfaults": FAREWELL + "ctypes.string_at(0)",
    "exits": FAREWELL + "os._exit(7)",
    "holds_the_lock": FAREWELL + "ctypes.PyDLL(None).sleep(1000)",
    "hangs": FAREWELL + "time.sleep(1000)",
    "raises": FAREWELL + 'raise ValueError("no such kernel")',
    "prints_garbage": 'os.write(1, bytes(range(256)) * 20 + b"\\nlast words\\n")\nos._exit(3)',
    "leaves_children": (
        'subprocess.Popen(["sleep", "1000"])\n'
        'subprocess.run(["sh", "-c", "setsid sleep 1000 & (sleep 1000 &)"])'
    ),
    "hangs_with_children": (
        'subprocess.Popen(["sh", "-c", "trap \'\' TERM; setsid sleep 1000 & sleep 1000"])\n'
        "time.sleep(1000)"
    ),
    # 300 MB, more than twenty times what is kept of it.
    "floods": (
        'for _ in range(300):\n    os.write(1, b"all work and no play\\n" * 50_000)\n' + FAREWELL
    ),
}
IMPORTS = {
    "lacks_its_sdk": "import an_sdk_that_is_not_there",
    "leaves_at_import": 'raise SystemExit("no licence for this host")',
    "interrupted_at_import": "raise KeyboardInterrupt",
}
EVALUATIONS = {
    "loss_not_finite": 'loss=float("nan"), samples=10',
    "accuracy_not_finite": 'loss=0.5, samples=10, accuracy=float("nan")',
}

TESTS = f"""
import pytest

@pytest.mark.parametrize("name", {[*STEPS, *IMPORTS, *EVALUATIONS, "good"]!r})
def test_of(name, train):
    train(name).check()

def test_that_never_checks(train):
    train("good")

def test_that_checks_one_of_two(train):
    train("good")
    train("good").check()
"""


@pytest.fixture(scope="module")
def ended(made_checkout: Callable[[str], Checkout], parallel: tuple[str, ...]) -> Ended:
    """One session in which one worker after the other ends badly."""
    checkout = made_checkout("endings")
    for name, step in STEPS.items():
        checkout.workload(name, step=step)
    for name, statement in IMPORTS.items():
        checkout.workload(name, top=statement)
    for name, evaluation in EVALUATIONS.items():
        checkout.workload(name, evaluation=evaluation)
    checkout.workload("good")
    checkout.tests(TESTS)
    limits = ("--stall-timeout", "first_step=3", "--stall-timeout", "steady=3")
    done, said = checkout.reports(*parallel, *limits, "--basetemp", "scratch", "-v")
    names = {name.removeprefix("test_").removeprefix("of["): text for name, text in said.items()}
    return checkout, done, {name.removesuffix("cpu]").rstrip("-["): t for name, t in names.items()}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("killed", "killed crashed(killed by signal 9): the worker ended in first_step"),
        ("segfaults", "segfaults crashed(killed by signal 11): the worker ended in first_step"),
        ("exits", "exits crashed(exit status 7): the worker ended in first_step: exit status 7"),
        ("prints_garbage", "prints_garbage crashed(exit status 3): the worker ended in first_step"),
        ("raises", "raises crashed(first_step): ValueError: no such kernel"),
        ("lacks_its_sdk", "crashed(import): ModuleNotFoundError: No module named 'an_sdk_that_is"),
        ("leaves_at_import", "crashed(import): SystemExit: no licence for this host"),
        ("interrupted_at_import", "interrupted_at_import crashed(import): KeyboardInterrupt"),
        ("holds_the_lock", "holds_the_lock timed_out(first_step): no progress for 3 s in phase "),
        ("hangs", "hangs timed_out(steady): no progress for 3 s in phase steady (limit"),
        ("hangs_with_children", "timed_out(steady): no progress for 3 s in phase steady (limit"),
        ("loss_not_finite", "loss_not_finite diverged, expected completed: the evaluation is not "),
        ("accuracy_not_finite", "the evaluation is not finite after 1 epochs (loss 0.5, accuracy "),
        ("that_never_checks", "trained and never checked: good; call .check() on what train()"),
        ("that_checks_one_of_two", "trained and never checked: good; call .check() on what"),
    ],
)
def test_first_line_says_how_the_worker_ended(ended: Ended, name: str, line: str) -> None:
    assert line in ended[2][name].splitlines()[0]


@pytest.mark.parametrize(("name", "phase"), [("holds_the_lock", "first_step"), ("hangs", "steady")])
def test_time_limit_names_the_option_that_raises_it(ended: Ended, name: str, phase: str) -> None:
    assert f"(limit 3 s; --stall-timeout {phase}=SECONDS raises it)" in ended[2][name]


@pytest.mark.parametrize(
    "name", ["killed", "segfaults", "exits", "holds_the_lock", "hangs", "raises", "prints_garbage"]
)
def test_failure_quotes_the_tail_of_the_workers_output(ended: Ended, name: str) -> None:
    assert "--- last lines of the worker's output" in ended[2][name]
    assert ended[2][name].splitlines()[-1] == "last words"


def test_garbage_reaches_no_terminal_as_it_is(ended: Ended) -> None:
    assert "!\"#$%&'()*+,-./0123456789" in ended[1].out
    shown = set(ended[1].out) - set("\n\t")
    assert [each for each in shown if not each.isprintable()] == []


@pytest.mark.parametrize("name", ["good", "leaves_children", "floods"])
def test_trainings_beside_them_complete(ended: Ended, name: str) -> None:
    assert ended[2][name] == ""
    rows = [line.split() for line in ended[1].out.splitlines()]
    assert {row[-1] for row in rows if row[:3] == [name, "cpu", "loss"]} == {"new"}


def test_every_test_keeps_its_outcome(ended: Ended) -> None:
    assert ended[1].status == 1
    failed = len(STEPS) - 2 + len(IMPORTS) + len(EVALUATIONS)
    assert f"{failed} failed, 5 passed, 2 errors in" in ended[1].out
    for name in (*STEPS, *IMPORTS, *EVALUATIONS):
        assert any(line.startswith(f"{name} ") for line in ended[1].out.splitlines())


def test_log_of_a_flood_keeps_its_end_and_stays_below_its_cap(ended: Ended) -> None:
    (log,) = (ended[0].root / "scratch").rglob("floods-cpu-*.log")
    assert log.stat().st_size <= runlog.LARGEST_BYTES
    assert log.read_text(encoding="utf-8").startswith("[")
    assert "bytes left out here]" in log.read_text(encoding="utf-8").splitlines()[0]
    assert runlog.tail(log).splitlines()[-1] == "last words"


def test_nothing_is_left_running_and_the_unit_is_free(ended: Ended) -> None:
    assert ended[0].leftovers() == []
    assert ended[0].unit_is_free()
