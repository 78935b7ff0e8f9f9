"""accelbench history: the sessions, their runs, tables for other tools, and compaction."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from accelbench.cli import main
from accelbench.cli.history import MANY_FILES
from accelbench.records import State
from accelbench.store import archive
from accelbench.store.history import HistoryLine, dumps, loads

MakeLine = Callable[..., HistoryLine]
Store = Callable[..., None]


def accelbench(*arguments: str) -> Result:
    return CliRunner().invoke(main, ("history", *arguments))


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose history is where it is by default."""
    (tmp_path / "bench" / "workloads").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path / "bench")
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def folder(checkout: Path, make_line: MakeLine, store: Store) -> Path:
    """A history of two nights: two workloads, a regression, a crash."""
    place = checkout / ".accelbench"
    store(
        place,
        make_line(1, treatment=(("host", "host-1"),)),
        make_line(1, 1, workload="beta", params=(("rate", 0.1),), treatment=(("host", "host-1"),)),
        make_line(2, loss=0.75, status="regressed"),
        make_line(2, 1, state=State("crashed", "signal 9"), epochs=(), evaluation=None),
        make_line(2, 2, device="gpu-1", status="inconclusive"),
    )
    return place


FIRST, SECOND = "20260001T000000-00000a", "20260002T000000-00000a"


# --------------------------------------------------------------------------------------------- list
@pytest.mark.parametrize("compacted", [False, True])
def test_the_list_has_a_row_for_each_session(folder: Path, compacted: bool) -> None:
    if compacted:
        assert accelbench("compact", "--all").exit_code == 0
    result = accelbench("list")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].split() == [
        "session", "day", "host", "runs", "regressed", "failed", "inconclusive", "size",
    ]  # fmt: skip
    assert lines[1].split()[:-2] == [FIRST, "2026-01-01", "host-1", "2", "0", "0", "0"]
    # A run that crashed failed, whatever its metrics; the folder may lie compacted or not.
    assert lines[2].split()[:-2] == [SECOND, "2026-01-01", "3", "1", "1", "1"]
    assert lines[2].split()[-1] == "kB"
    assert lines[3] == f"2 sessions, 5 runs in {folder}"
    assert len(lines) == 4


def test_many_session_files_are_worth_a_hint(
    checkout: Path, make_line: MakeLine, store: Store
) -> None:
    folder = checkout / ".accelbench"
    store(folder, *(make_line(night) for night in range(MANY_FILES - 1)))
    assert "accelbench history compact" not in accelbench("list").output
    store(folder, make_line(MANY_FILES))
    last = accelbench("list").output.splitlines()[-1]
    assert last.startswith(f"{MANY_FILES} session files: `accelbench history compact`")


@pytest.mark.parametrize("arguments", [("list",), ("compact",), ("show", "alpha"), ("export",)])
@pytest.mark.parametrize("made", [False, True])
def test_without_history_there_is_one_clear_line(
    checkout: Path, arguments: tuple[str, ...], made: bool
) -> None:
    if made:
        (checkout / ".accelbench").mkdir()
    result = accelbench(*arguments)
    text = f"no history in {checkout}/.accelbench: every pytest session that trains adds to it\n"
    needed = arguments[0] in {"show", "export"}
    assert result.output == ("Error: " if needed else "") + text
    assert result.exit_code == needed


def test_the_folder_is_the_checkouts_own_or_the_one_that_is_given(
    checkout: Path, make_line: MakeLine, store: Store
) -> None:
    store(checkout / "runs", make_line(1))
    assert "no history in" in accelbench("list").output
    assert "1 session, 1 run in" in accelbench("list", "--history", "../runs").output
    (checkout / "pytest.ini").write_text("[pytest]\naccelbench_history = runs\n")
    assert f"1 session, 1 run in {checkout}/runs" in accelbench("list").output
    (checkout / "pytest.ini").write_text("[pytest]\naccelbench_history =\n")
    assert accelbench("list").output == (
        "Error: accelbench_history is empty here: give --history DIR\n"
    )


def test_lines_that_do_not_count_are_named(folder: Path) -> None:
    path = folder / f"{FIRST}.jsonl"
    path.write_text(path.read_text() + '{"schema": 1, "torn')
    for arguments in (("list",), ("show", FIRST), ("export", "-o", "x.jsonl")):
        result = accelbench(*arguments)
        assert result.exit_code == 0
        assert result.stderr.startswith(f"left out: {path}:3: not JSON (")
        assert result.stderr.count("\n") == 1
    result = accelbench("compact", "--all")
    assert "3 runs of 1 file merged" in result.output
    assert f"left out: {path}:3: not JSON (" in result.stderr
    assert path.exists()


# --------------------------------------------------------------------------------------------- show
def test_a_session_is_shown_with_readings_and_statuses_the_newest_last(folder: Path) -> None:
    result = accelbench("show", SECOND)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    heads = [line for line in lines if not line.startswith("  ")]
    assert heads == [
        f"2026-01-01 00:02:00 {SECOND} alpha on cpu: completed, seed 200",
        f"2026-01-01 00:02:01 {SECOND} alpha on cpu: crashed(signal 9), not expected, seed 201",
        f"2026-01-01 00:02:02 {SECOND} alpha on gpu-1: completed, seed 202",
    ]
    assert "loss 0.75 regressed" in result.output
    assert "accuracy 0.9," in result.output
    assert all(len(line) <= 100 for line in lines)


def test_a_workload_is_shown_over_all_sessions(folder: Path) -> None:
    heads = [line for line in accelbench("show", "alpha").output.splitlines() if line[0] != " "]
    assert [line.split()[2] for line in heads] == [FIRST, SECOND, SECOND, SECOND]
    assert "beta rate=0.1 on cpu" in accelbench("show", "beta").output
    since = accelbench("show", "alpha", "--since", "2026-01-01T00:02:01").output
    assert since.count(" on ") == 2


def test_a_name_that_nothing_has_is_one_line(folder: Path) -> None:
    result = accelbench("show", "gamma")
    assert result.exit_code == 1
    assert result.output == (
        f"Error: no run of a session or workload gamma in {folder}: `accelbench history list` "
        "shows the sessions\n"
    )


# ------------------------------------------------------------------------------------------- export
def test_exported_lines_are_a_file_of_history_again(folder: Path, checkout: Path) -> None:
    before = archive.runs(folder).lines
    (checkout / "other").mkdir()
    result = accelbench("export", "-o", str(checkout / "other" / "all.jsonl"))
    assert (result.exit_code, result.output) == (0, "")
    assert archive.runs(checkout / "other") == archive.Archive(before)
    assert [path.name for path in (checkout / "other").iterdir()] == ["all.jsonl"]
    out = accelbench("export").output.splitlines()
    assert [loads(text) for text in out] == list(before)
    assert sorted(out) == sorted(dumps(line) for line in before)


def test_a_table_has_a_row_for_each_metric_of_each_run(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(accelbench("export", "--format", "csv").output)))
    lines = archive.runs(folder).lines
    assert len(rows) == sum(len(line.judged) for line in lines)
    regressed = [row for row in rows if row["status"] == "regressed"]
    assert [(row["metric"], float(row["value"])) for row in regressed] == [("loss", 0.75)]
    assert regressed[0]["portable_key"] == lines[0].keys.portable
    assert regressed[0]["device"] == "cpu"


def test_a_parquet_file_can_be_read_by_other_tools(folder: Path, checkout: Path) -> None:
    path = checkout / "table.parquet"
    assert accelbench("export", "--format", "parquet", "-o", str(path)).exit_code == 0
    with duckdb.connect() as database:
        found = database.execute(
            "SELECT value, censored FROM read_parquet(?) WHERE status = 'regressed'", [str(path)]
        )
        assert found.fetchall() == [(0.75, False)]
    piped = CliRunner().invoke(main, ("history", "export", "--format", "parquet"))
    assert piped.stdout_bytes[:4] == piped.stdout_bytes[-4:] == b"PAR1"


@pytest.mark.parametrize(
    ("arguments", "places"),
    [
        (("--workload", "beta"), [1]),
        (("--device", "gpu-1"), [4]),
        (("--since", "2026-01-01T00:02:01"), [3, 4]),
        (("--since", "2026-01-01T02:02:01+02:00"), [3, 4]),
        (("--metric", "loss"), [0, 1, 2, 4]),
        (("--metric", "loss", "--device", "cpu", "--workload", "alpha"), [0, 2]),
    ],
)
def test_what_is_exported_can_be_chosen(
    folder: Path, arguments: tuple[str, ...], places: list[int]
) -> None:
    stored = archive.runs(folder).lines
    chosen = [stored[place] for place in places]
    assert [loads(text) for text in accelbench("export", *arguments).output.splitlines()] == chosen
    table = accelbench("export", "--format", "csv", *arguments).output
    rows = [(row["run_id"], row["metric"]) for row in csv.DictReader(io.StringIO(table))]
    assert rows == [
        (line.run_id, each.metric)
        for line in chosen
        for each in line.judged
        if "--metric" not in arguments or each.metric == "loss"
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--workload", "gamma"), "Error: no run in FOLDER fits: nothing was written"),
        (("--since", "yesterday"), "'yesterday' is no day like 2026-01-31 and no time in ISO"),
        (("-o", "no/such/file"), "Error: CHECKOUT/bench/no"),
        (("-o", "/dev/null/file"), "Error: /dev/null"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    folder: Path, checkout: Path, arguments: tuple[str, ...], says: str
) -> None:
    result = accelbench("export", *arguments)
    assert result.exit_code != 0
    last = result.output.splitlines()[-1]
    assert says.replace("FOLDER", str(folder)).replace("CHECKOUT", str(checkout)) in last
    assert "Traceback" not in result.output


# ------------------------------------------------------------------------------------------ compact
def test_compact_says_what_it_merged_and_what_is_too_young(folder: Path) -> None:
    young = accelbench("compact")
    assert (young.exit_code, young.output) == (
        0,
        f"nothing to merge in {folder} (files less than a day old: --all)\n",
    )
    before = archive.runs(folder)
    result = accelbench("compact", "--all")
    assert result.output.startswith("5 runs of 2 files merged: ")
    assert archive.runs(folder) == before
    assert accelbench("compact", "--all").output == f"nothing to merge in {folder}\n"


def test_a_folder_that_cannot_be_written_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a read-only file system answers; the tests may run as root, who may write anywhere.
    def refuse(_batch: object, _kept: object, scratch: Path) -> int:
        raise OSError(30, "Read-only file system", str(scratch.parent))

    monkeypatch.setattr("accelbench.store.compaction._write", refuse)
    result = accelbench("compact", "--all")
    assert (result.exit_code, result.output) == (1, f"Error: {folder}: Read-only file system\n")
    assert len(archive.runs(folder).lines) == 5
