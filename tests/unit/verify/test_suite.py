"""Running the benches: resumed where they stopped, whatever the stop left of the results."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import psutil
import pytest

import accelbench
from accelbench.verify import suite
from accelbench.verify.bench import FULL, QUICK, Row, Size, Task, benches, lower, met, tasks, upper
from accelbench.verify.suite import Result, ResultsError

pytestmark = [
    # From 3.12 on Python warns of forks beside any thread, those of a linear algebra library too.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.skipif(
        multiprocessing.get_start_method() != "fork",
        reason="the bench made here is handed to workers by a fork",
    ),
]

BENCH = "v0_made_here"
TINY = Size("tiny", 1, 1)
DEADLINE_SECONDS = 60.0


def drawn(number: int, size: Size, rng: np.random.Generator) -> tuple[Row, ...]:
    """Return rows of one random number each, with what JSON has no words for."""
    values = (float(rng.random()), math.inf, math.nan)
    return tuple(Row("V0", f"number {number}", size.name, "none", v, "") for v in values)


@pytest.fixture(autouse=True)
def made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bench of four quick tasks, known to this process and to those forked from it."""
    module = ModuleType(BENCH)
    named = tuple(Task("V0", f"task {n}", partial(drawn, n)) for n in range(4))
    setattr(module, "TASKS", named)  # noqa: B010  # a module's type has no such attribute
    monkeypatch.setitem(sys.modules, f"accelbench.verify.benches.{BENCH}", module)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "results.jsonl"


def ran(path: Path | None, seed: int = 0, size: Size = TINY, jobs: int = 2) -> dict[str, float]:
    """Return the first number of each task."""
    found = [result for result, _ in suite.run((BENCH,), size, seed, jobs, path)]
    return {result.task: result.rows[0].value for result in sorted(found, key=lambda r: r.task)}


def test_every_task_is_run_once_and_the_count_goes_down_to_none(path: Path) -> None:
    lefts = [left for _, left in suite.run((BENCH,), TINY, 0, 2, path)]
    assert lefts == [3, 2, 1, 0]
    assert [r.task for r in sorted(suite.stored(path), key=lambda r: r.task)] == [
        f"V0/task {n}" for n in range(4)
    ]


def test_rows_come_back_from_disk_as_they_were_infinities_included(path: Path) -> None:
    first = {r.task: r for r, _ in suite.run((BENCH,), TINY, 0, 1, path)}
    again = {r.task: r for r, _ in suite.run((BENCH,), TINY, 0, 1, path)}
    assert repr(first) == repr({task: again[task] for task in first})
    values = [row.value for row in again["V0/task 0"].rows]
    assert math.isinf(values[1])
    assert math.isnan(values[2])


def test_the_numbers_do_not_depend_on_jobs_and_do_on_the_seed() -> None:
    one = ran(None, jobs=1)
    assert ran(None, jobs=3) == one
    other = ran(None, seed=1)
    assert all(other[task] != one[task] for task in one)
    assert len(set(one.values())) == len(one)


def test_what_is_on_disk_is_not_run_again(path: Path) -> None:
    ran(path)
    lines = path.read_text().splitlines()
    marked = [line.replace('"value": 0.', '"value": 7.') for line in lines[:2]]
    path.write_text("\n".join(marked) + "\n")
    found = ran(path)
    assert sorted(value > 7 for value in found.values()) == [False, False, True, True]
    assert len(path.read_text().splitlines()) == 4
    before = path.read_text()
    assert ran(path) == found
    assert path.read_text() == before


def test_a_torn_last_line_is_run_again_and_leaves_nothing_behind(path: Path) -> None:
    whole = ran(path)
    for torn in (path.read_bytes()[:-1], path.read_bytes()[:-40]):
        path.write_bytes(torn)
        assert ran(path) == whole
        assert len(suite.stored(path)) == 4
        assert ran(path) == whole  # and once more: nothing torn lies in the middle now


def test_a_damaged_line_in_the_middle_is_one_clear_error(path: Path) -> None:
    ran(path)
    lines = path.read_bytes().splitlines()
    for damaged in (b"{", b"\xff\xfe", b"[]", b'{"task": 1}'):
        path.write_bytes(b"\n".join([lines[0], damaged, *lines[2:]]) + b"\n")
        with pytest.raises(ResultsError, match=rf"^{path}:2: not a result") as caught:
            ran(path)
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith("delete it")


def test_a_results_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="cannot be read: Is a directory"):
        suite.stored(tmp_path)
    assert suite.stored(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize(
    "change",
    [
        {"size": {"name": "full", "nights": 1, "cells": 1}},
        {"seed": 5},
        {"version": "0.0.1"},
        {"task": "V0/task 9"},
    ],
)
def test_results_of_another_size_seed_version_or_task_are_not_reused(
    path: Path, change: dict[str, object]
) -> None:
    ran(path)
    lines = [json.loads(line) | change for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ran(path)
    assert len(suite.stored(path)) == 8
    assert {r.version for r in suite.stored(path)[4:]} == {accelbench.__version__}


def test_a_result_belongs_to_its_own_size_seed_and_version_alone() -> None:
    result = Result("V1/a", TINY, 3, accelbench.__version__, ())
    assert result.of("V1/a", TINY, 3)
    assert not result.of("V1/a", QUICK, 3)
    assert not result.of("V1/a", TINY, 4)
    assert not result.of("V1/b", TINY, 3)


def test_a_worker_that_is_ended_from_outside_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ended(_size: Size, _rng: np.random.Generator) -> tuple[Row, ...]:
        os.kill(os.getpid(), signal.SIGKILL)
        return ()

    module = sys.modules[f"accelbench.verify.benches.{BENCH}"]
    monkeypatch.setattr(module, "TASKS", (Task("V0", "ended", ended),))
    with pytest.raises(ResultsError, match="a worker process was ended from outside"):
        ran(None)


def test_whoever_stops_looking_ends_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_size: Size, _rng: np.random.Generator) -> tuple[Row, ...]:
        time.sleep(600)
        return ()

    module = sys.modules[f"accelbench.verify.benches.{BENCH}"]
    both = (Task("V0", "quick", partial(drawn, 1)), Task("V0", "slow", slow))
    monkeypatch.setattr(module, "TASKS", both)
    results = suite.run((BENCH,), TINY, 0, 2, None)
    assert isinstance(results, Iterator)
    assert next(results)[0].task == "V0/quick"
    before = multiprocessing.active_children()
    assert before
    results.close()  # type: ignore[attr-defined]  # a generator
    assert not set(multiprocessing.active_children()) & set(before)


INTERRUPTED = """
import sys, time
from pathlib import Path
from types import ModuleType
from accelbench.cli.verify import command
from accelbench.verify import bench
from accelbench.verify.bench import Row, Task

def quick(size, rng):
    return (Row("V0", "quick", "w", "j", 1.0, ""),)

def slow(size, rng):
    Path(sys.argv[2], f"{rng.random()}").write_text("started")
    time.sleep(600)

module = ModuleType("v0_slow")
module.TASKS = (Task("V0", "quick", quick), Task("V0", "a", slow), Task("V0", "b", slow))
sys.modules["accelbench.verify.benches.v0_slow"] = module
bench.benches = lambda: ("v0_slow",)
command(["--jobs", "2", "--results", sys.argv[1]])
"""


@pytest.mark.parametrize("whole_group", [True, False], ids=["from the terminal", "to one process"])
def test_an_interrupt_ends_all_processes_and_keeps_what_was_finished(
    tmp_path: Path, *, whole_group: bool
) -> None:
    started = tmp_path / "started"
    started.mkdir()
    results = tmp_path / "results.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(results), str(started)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers: list[psutil.Process] = []
    try:
        _wait(lambda: len(list(started.iterdir())) == 2 and results.exists())
        workers = psutil.Process(process.pid).children(recursive=True)
        assert len(workers) >= 2
        if whole_group:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE_SECONDS)
    finally:
        process.kill()
        for worker in workers:
            if worker.is_running():
                worker.kill()
    assert process.returncode == 1, err
    assert "Traceback" not in err + out
    assert err.splitlines()[-1] == "Aborted!"
    assert [r.task for r in suite.stored(results)] == ["V0/quick"]


def _wait(condition: object) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    assert callable(condition)
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_all_benches_are_found_and_their_tasks_have_names_of_their_own() -> None:
    assert [name.partition("_")[0] for name in benches()] == ["v1", "v2", "v3", "v7", "v8", "v9"]
    labels = [f"{task.bench}/{task.name}" for task in tasks()]
    assert len(set(labels)) == len(labels)
    assert {label.partition("/")[0] for label in labels} == {"V1", "V2", "V3", "V7", "V8", "V9"}


def test_a_task_is_seeded_by_its_name_its_size_and_the_seed() -> None:
    def first(name: str, size: Size, seed: int) -> float:
        return Task("V0", name, partial(drawn, 0)).rows(size, seed)[0].value

    one = first("a", TINY, 0)
    assert first("a", TINY, 0) == one
    assert len({one, first("b", TINY, 0), first("a", QUICK, 0), first("a", TINY, 1)}) == 4


def test_bounds_of_a_share_are_the_closed_form() -> None:
    # Of no hits: 1 - 0.05^(1/n); of hits only: 0.05^(1/n).
    assert upper(0, 5000) == pytest.approx(1 - 0.05 ** (1 / 5000))
    assert lower(40, 40) == pytest.approx(0.05 ** (1 / 40))
    assert (lower(0, 10), upper(10, 10)) == (0.0, 1.0)
    assert lower(30, 5000) < 30 / 5000 < upper(30, 5000)


def test_a_small_size_can_refute_a_target_and_never_confirm_it() -> None:
    assert met(QUICK, reached=True, refuted=False) is None
    assert met(QUICK, reached=True, refuted=True) is False
    assert met(FULL, reached=True, refuted=False) is True
    assert met(FULL, reached=False, refuted=False) is False
