"""Runs the benches: in parallel, each result on disk as it comes, resumed where it was stopped."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path
from typing import BinaryIO

import accelbench
from accelbench import codec
from accelbench.verify.bench import Row, Size, tasks


@dataclass(frozen=True)
class Result:
    """What one task yielded, and what it was run with."""

    task: str
    size: Size
    seed: int
    version: str
    rows: tuple[Row, ...]

    def of(self, task: str, size: Size, seed: int) -> bool:
        """Tell whether this is the result of a task at a size and a seed, by this version."""
        return (self.task, self.size, self.seed, self.version) == (
            task,
            size,
            seed,
            accelbench.__version__,
        )


class ResultsError(Exception):
    """A file of results that cannot be used; one clear line."""


def stored(path: Path) -> list[Result]:
    """Return the results of a file, none where it is missing; a torn last line does not count."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(codec.loads(Result, line))
        except ValueError as error:
            if number < len(lines):
                raise ResultsError(f"{path}:{number}: not a result ({error}): delete it") from None
    return found


def run(
    names: Sequence[str], size: Size, seed: int, jobs: int, path: Path | None
) -> Iterator[tuple[Result, int]]:
    """Yield the results of benches with how many tasks are left, those on disk first.

    Each new one is appended to `path` at once. The numbers do not depend on `jobs`. Whoever stops
    iterating, by Ctrl-C too, ends the worker processes; what was finished stays on disk.
    """
    labels = [f"{task.bench}/{task.name}" for task in tasks(tuple(names))]
    before = stored(path) if path is not None else []
    done = {label: r for label in labels for r in before if r.of(label, size, seed)}
    left = len(labels)
    for result in done.values():
        left -= 1
        yield result, left
    missing = [i for i, label in enumerate(labels) if label not in done]
    others = active_children()
    with ProcessPoolExecutor(jobs, initializer=_ignore_interrupts) as pool:
        futures = [pool.submit(_task, tuple(names), i, size, seed) for i in missing]
        try:
            for future in as_completed(futures):
                result = future.result()
                _append(path, result)
                left -= 1
                yield result, left
        except BrokenProcessPool:
            raise ResultsError("a worker process was ended from outside: fewer --jobs?") from None
        except BaseException:
            for worker in set(active_children()).difference(others):
                worker.terminate()  # a task can take an hour: leaving the pool would wait for it
            raise


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that waits for the workers: it ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _task(names: tuple[str, ...], number: int, size: Size, seed: int) -> Result:
    task = list(tasks(names))[number]
    rows = task.rows(size, seed)
    label = f"{task.bench}/{task.name}"
    return Result(label, size, seed, accelbench.__version__, rows)


def _append(path: Path | None, result: Result) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(codec.to_json(result), allow_nan=False) + "\n"
    with path.open("ab+") as file:
        _drop_torn_line(file)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def _drop_torn_line(file: BinaryIO) -> None:
    """Cut off a last line that a stop tore: once lines follow it, it would be a damaged one."""
    file.seek(0)
    held = file.read()
    whole = held.rfind(b"\n") + 1
    if whole < len(held):
        file.truncate(whole)
