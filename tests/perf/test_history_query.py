"""How long the screen's input takes, one query for a whole session's cells, over a long history."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from ratios import Finding

from accelbench.records import Run, Verdict
from accelbench.store import lines
from accelbench.store.compaction import compact
from accelbench.store.history import dumps, line_of
from accelbench.store.past import NIGHTS, screen_input
from accelbench.store.sources import Files, connection, listed, rows

pytestmark = pytest.mark.perf

Record = Callable[[Finding], None]

BASELINES = Path(__file__).parents[2] / "baselines"
CELLS = 50
SESSIONS = 200
ERAS = 100
ROUNDS = 25
METRICS = ("accuracy", "loss", "throughput")


def samples() -> list[Run]:
    """Return whole runs of this checkout, some of each workload."""
    paths = sorted(BASELINES.glob("*/portable.jsonl"))
    return [line.run for path in paths for line in lines.read(path)[0][:5]]


def night(number: int, runs: Sequence[Run], draw: random.Random) -> tuple[str, list[str]]:
    """Return a session's id and lines: a run of each cell, with numbers of its own."""
    time_ = datetime(2026, 1, 1) + timedelta(days=number)
    session = f"{time_:%Y%m%dT%H%M%S}-{number:06x}"
    found = []
    for cell in range(CELLS):
        run = runs[cell % len(runs)]
        noise = 1 + draw.gauss(0, 0.01)
        run = replace(
            run,
            spec=replace(run.spec, params=(("variant", cell), *run.spec.params)),
            epochs=tuple(replace(e, seconds=e.seconds * noise) for e in run.epochs),
            steps=replace(run.steps, loss=tuple(each * noise for each in run.steps.loss)),
            provenance=replace(
                run.provenance,
                session_id=session,
                run_id=f"{session}/{cell}",
                time=f"{time_.isoformat()}+00:00",
            ),
        )
        verdicts = tuple(Verdict(name, "passed") for name in METRICS)
        found.append(dumps(line_of(run, verdicts)))
    return session, found


def least_seconds(folder: Path) -> float:
    """Return the least of some queries, records included; what they give is checked."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = screen_input(folder, measured=METRICS)
        pasts = [found[series] for series in found]
        taken.append(time.perf_counter() - start)
        assert {len(each) for each in pasts} == {NIGHTS}
        assert len({key for key, _ in found}) >= CELLS
    return min(taken)


def eras(folder: Path, source: Path) -> Iterator[Path]:
    """Write a compacted file a hundred times, each time as the runs of other sessions."""
    (packed,) = listed(source)[0].packed
    files = Files(packed=(packed,))
    for era in range(ERAS):
        target = folder / f"compacted-1-{era:03d}.parquet"
        rows(
            f"""
            COPY (
                SELECT * REPLACE (
                    '{era:03d}' || run_id AS run_id, '{era:03d}' || session_id AS session_id,
                    '{era:03d}' || time AS time
                ) FROM read_parquet($packed)
            ) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 8192)
            """,
            files,
        )
        yield target


def test_the_screens_input_takes_a_second_at_a_million_runs_and_50_ms_at_ten_thousand(
    tmp_path: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, runs, draw = tmp_path / "history", samples(), random.Random(1)
    folder.mkdir()
    for number in range(SESSIONS):
        session, texts = night(number, runs, draw)
        (folder / f"{session}.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")
    connection()
    name = f"screen's input of {CELLS} cells x {len(METRICS)} metrics, {{}} stored runs"
    raw = 1e3 * least_seconds(folder)
    with capsys.disabled():
        # No target holds for it: `accelbench history compact` is what makes a long history quick.
        print(f"\n{name.format('10^4')}, not compacted: {raw:.4g} ms")  # noqa: T201  # as findings
    assert compact(folder, everything=True).runs == CELLS * SESSIONS
    packed = 1e3 * least_seconds(folder)
    million = tmp_path / "million"
    million.mkdir()
    written = list(eras(million, folder))
    assert len(written) * CELLS * SESSIONS == 10**6
    compact(million)
    seconds = least_seconds(million)
    shutil.rmtree(million)  # pytest keeps its folders
    record(Finding(name.format("10^4"), packed, 50.0, " ms", ROUNDS))
    record(Finding(name.format("10^6"), seconds, 1.0, " s", ROUNDS))
