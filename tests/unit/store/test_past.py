"""The screen's input: the latest sessions of a metric, from all files, each run once."""

from __future__ import annotations

import json
import math
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelbench import metrics
from accelbench.records import State
from accelbench.store import archive
from accelbench.store.compaction import compact
from accelbench.store.history import HistoryLine, dumps
from accelbench.store.past import History, Past, screen_input

MakeLine = Callable[..., HistoryLine]
Store = Callable[..., None]
Series = tuple[str, str]


def expected(lines: Sequence[HistoryLine], nights: int = 60) -> Mapping[Series, tuple[Past, ...]]:
    """Return by the plainest code what a folder with these lines has to give."""
    found: dict[Series, list[Past]] = defaultdict(list)
    for line in {line.run_id: line for line in lines}.values():
        for each in line.judged:
            portable = metrics.metric(each.metric).scope == "portable"
            key = line.keys.portable if portable else line.keys.device
            if each.reading is not None and line.state == "completed":
                found[key, each.metric].append(
                    Past(
                        line.run_id, line.session_id, line.time, line.unit, line.role,
                        each.reading, each.status, line.host,
                    )
                )  # fmt: skip
    for series, pasts in found.items():
        latest = sorted({past.session_id for past in pasts})[-nights:]
        kept = [past for past in pasts if past.session_id in latest]
        found[series] = sorted(kept, key=lambda past: (past.time, past.run_id))
    return {series: tuple(pasts) for series, pasts in found.items()}


def copied(folder: Path, line: HistoryLine, name: str) -> None:
    with (folder / name).open("a") as file:
        file.write(dumps(line) + "\n")


def test_readings_come_with_all_that_a_screen_needs_sorted_by_time(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    treatment = (("host", "host-1"), ("unit", "gpu-3"))
    late = make_line(2, loss=0.25, status="improved", treatment=treatment)
    early = make_line(1, loss=0.5)
    store(tmp_path, late, early)
    found = screen_input(tmp_path)
    assert dict(found) == expected([early, late])
    first, second = found[late.keys.portable, "loss"]
    assert (first.reading.value, second.reading.value) == (0.5, 0.25)
    assert (second.status, second.unit, second.host) == ("improved", "gpu-3", "host-1")
    assert (second.role, second.session_id) == ("screen", late.session_id)
    assert found[late.keys.portable, "accuracy"][0].reading.trials == 360
    assert (late.keys.device, "loss") not in found
    assert (late.keys.portable, "throughput") not in found


def test_a_missing_and_an_empty_folder_have_no_past(tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        assert dict(screen_input(folder)) == {}
        history = History(folder)
        assert history.past("0" * 16, "loss") == ()
        assert history.problems == []
    assert History(None).past("0" * 16, "loss") == ()
    assert History(None).problems == []


def test_only_what_is_asked_for_comes_back(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    lines = [make_line(1, n, device=device) for n, device in enumerate(("cpu", "gpu-1", "gpu-2"))]
    store(tmp_path, *lines)
    everything = expected(lines)
    wanted = lines[1].keys.device
    assert wanted not in {lines[0].keys.device, lines[0].keys.portable}
    found = dict(screen_input(tmp_path, [wanted]))
    assert found == {series: p for series, p in everything.items() if series[0] == wanted}
    assert found
    found = dict(screen_input(tmp_path, measured=["loss", "throughput"]))
    assert {metric for _, metric in found} == {"loss", "throughput"}
    assert len(found[lines[0].keys.portable, "loss"]) == 3
    assert dict(screen_input(tmp_path, [])) == {}
    assert dict(screen_input(tmp_path, ["no such key' OR true"])) == {}


def test_only_completed_runs_count(tmp_path: Path, make_line: MakeLine, store: Store) -> None:
    ends = ["completed", "diverged", "crashed(signal 9)", "timed_out(steady)"]
    lines = [make_line(1, n, state=State.parse(end)) for n, end in enumerate(ends)]
    store(tmp_path, *lines)
    (past,) = screen_input(tmp_path)[lines[0].keys.portable, "loss"]
    assert past.run_id == lines[0].run_id
    compact(tmp_path, everything=True)
    assert dict(screen_input(tmp_path)) == expected(lines)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 5e-324, 0.1 + 0.2, 1e308])
def test_every_number_comes_back_as_it_was(
    tmp_path: Path, make_line: MakeLine, store: Store, value: float
) -> None:
    line = make_line(1, loss=value)
    store(tmp_path, line)
    for _ in range(2):
        (past,) = screen_input(tmp_path)[line.keys.portable, "loss"]
        assert past.reading.value == value or math.isnan(value)
        assert math.isnan(past.reading.value) == math.isnan(value)
        compact(tmp_path, everything=True)
    assert not list(tmp_path.glob("*.jsonl"))


def test_files_of_several_hosts_mix_and_a_copied_one_counts_once(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    hosts = [make_line(n, treatment=(("host", f"host-{n}"),)) for n in (1, 2, 3)]
    store(tmp_path, *hosts)
    copied(tmp_path, hosts[0], "copy of the first.jsonl")
    copied(tmp_path, hosts[0], f"{hosts[0].session_id}.jsonl")
    found = screen_input(tmp_path)
    assert dict(found) == expected(hosts)
    assert [past.host for past in found[hosts[0].keys.portable, "loss"]] == [
        "host-1",
        "host-2",
        "host-3",
    ]


def test_session_files_beside_their_compacted_ones_count_once(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    lines = [make_line(night, number) for night in range(3) for number in range(2)]
    store(tmp_path, *lines)
    shutil.copytree(tmp_path, tmp_path / "saved")
    compact(tmp_path, everything=True)
    for path in (tmp_path / "saved").glob("*.jsonl"):
        shutil.copy(path, tmp_path)
    later = make_line(3)
    store(tmp_path, later)
    assert dict(screen_input(tmp_path)) == expected([*lines, later])


plans = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from(["alpha", "beta"]),
        st.sampled_from(["cpu", "gpu-1"]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=40)
@given(old=plans, new=plans, nights=st.integers(1, 4), apart=st.booleans())
def test_the_latest_sessions_of_each_metric_are_found_in_any_mix_of_files(  # noqa: PLR0917  # hypothesis
    tmp_path_factory: pytest.TempPathFactory,
    make_line: MakeLine,
    store: Store,
    old: list[tuple[int, str, str, bool, bool]],
    new: list[tuple[int, str, str, bool, bool]],
    nights: int,
    apart: bool,
) -> None:
    # A part of the sessions is compacted, and in part once more, or into a file of its own; metrics
    # are missing here and there, so that the latest sessions of one are not those of another.
    folder = tmp_path_factory.mktemp("history")
    parts = [
        [
            make_line(
                night,
                first + number,
                workload=workload,
                device=device,
                steady_state=steady,
                state=State("completed" if ended else "crashed"),
            )
            for number, (night, workload, device, steady, ended) in enumerate(plan)
        ]
        for first, plan in ((0, old), (100, new))
    ]
    lines = [*parts[0], *parts[1]]
    store(folder, *parts[0])
    compact(folder, everything=True)
    store(folder, *parts[1])
    assert dict(screen_input(folder, nights=nights)) == expected(lines, nights)
    with pytest.MonkeyPatch.context() as patched:
        if apart:
            patched.setattr("accelbench.store.compaction._FULL_BYTES", 0)
        compact(folder, everything=True)
    files = bool(old) + bool(new) if apart else bool(lines)
    assert len(list(folder.glob("*.parquet"))) == files
    assert dict(screen_input(folder, nights=nights)) == expected(lines, nights)


# ------------------------------------------------------------------------------------------- damage
def test_lines_that_do_not_count_are_named_and_the_others_count(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    lines = [make_line(1, number) for number in range(4)]
    store(tmp_path, *lines)
    path = tmp_path / f"{lines[0].session_id}.jsonl"
    texts = path.read_bytes().splitlines()
    newer = json.dumps({**json.loads(texts[0]), "schema": 2, "run_id": "newer"}).encode()
    damaged = [
        texts[0], b"\xff\xfe junk", newer, b"", texts[1], texts[2][:700], b"\0\0\0\0",
        b'{"schema": 1, "keys"}}', b"[" * 5000, texts[2],
        texts[3].replace(b'"run_id": ', b'"run_id: ', 1), texts[3].replace(b'"session_id"', b'"x"'),
        texts[3][:-3],
    ]  # fmt: skip
    path.write_bytes(b"\n".join(damaged))
    history = History(tmp_path)
    assert [p.run_id for p in history.past(lines[0].keys.portable, "loss")] == [
        line.run_id for line in lines[:3]
    ]
    said = [str(problem) for problem in history.problems]
    assert [text.split(": ")[0] for text in said] == [
        f"{path}:{n}" for n in (2, 3, 6, 7, 8, 9, 11, 12, 13)
    ]
    assert "schema 2 is newer than this version's 1: upgrade pytest-accelbench" in said[1]
    assert all("\n" not in text for text in said)
    assert "restore the line or delete it" in said[-1]


def test_a_damaged_run_below_a_whole_head_is_named_and_only_its_readings_count(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    lines = [make_line(1), make_line(1, 1)]
    store(tmp_path, *lines)
    path = tmp_path / f"{lines[0].session_id}.jsonl"
    path.write_text(path.read_text().replace('"epochs": [', '"epochs": ', 1))
    history = History(tmp_path)
    assert len(history.past(lines[0].keys.portable, "loss")) == 2
    assert [str(problem)[: len(f"{path}:1: not JSON")] for problem in history.problems] == [
        f"{path}:1: not JSON"
    ]
    found = archive.runs(tmp_path)
    assert found.lines == (lines[1],)
    assert [problem.number for problem in found.problems] == [1]


def test_a_torn_last_line_is_skipped_and_named(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    whole, torn = make_line(1), make_line(1, 1)
    store(tmp_path, whole, torn)
    path = tmp_path / f"{whole.session_id}.jsonl"
    content = path.read_bytes()
    start = len(dumps(whole)) + 1
    # Wherever the end is lost: in the head, in the run, or the newline alone.
    for end in range(start + 1, len(content), 97):
        path.write_bytes(content[:end])
        history = History(tmp_path)
        assert len(history.past(whole.keys.portable, "loss")) == 1
        (problem,) = history.problems
        assert str(problem).startswith(f"{path}:2: not JSON (")
    path.write_bytes(content[:-1])
    assert len(History(tmp_path).past(whole.keys.portable, "loss")) == 2
    assert History(tmp_path).problems == []


def test_lines_that_another_tool_wrote_count(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    lines = [make_line(1, n) for n in range(3)]
    values = [json.loads(dumps(line)) for line in lines]
    texts = [
        json.dumps(values[0], sort_keys=True),
        json.dumps(values[1], separators=(",", ":")),
        json.dumps(values[2], ensure_ascii=False),
    ]
    (tmp_path / "other.jsonl").write_text("\r\n".join(texts) + "\n")
    history = History(tmp_path)
    assert len(history.past(lines[0].keys.portable, "loss")) == 3
    assert history.problems == []


def test_files_that_cannot_be_read_are_named_and_the_others_count(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    store(tmp_path, make_line(1))
    compact(tmp_path, everything=True)
    (whole,) = tmp_path.glob("*.parquet")
    torn = tmp_path / "compacted-1-a.parquet"
    torn.write_bytes(whole.read_bytes()[:-50])
    newer = tmp_path / "compacted-2-a.parquet"
    newer.write_bytes(b"")
    store(tmp_path, make_line(2))
    history = History(tmp_path)
    assert len(history.past(make_line(1).keys.portable, "loss")) == 2
    assert [str(problem) for problem in history.problems] == [
        f"{newer}:0: of a newer version: upgrade pytest-accelbench",
        f"{torn}:0: cannot be read: restore the file or delete it",
    ]


def test_a_folder_whose_name_looks_like_a_pattern_is_read(
    tmp_path: Path, make_line: MakeLine, store: Store
) -> None:
    folder = tmp_path / "it's [a*]?{b}=c"
    store(folder, make_line(1))
    store(tmp_path / "it's aa", make_line(2))
    for _ in range(2):
        history = History(folder)
        (past,) = history.past(make_line(1).keys.portable, "loss")
        assert past.run_id == make_line(1).run_id
        assert history.problems == []
        compact(folder, everything=True)
    assert [path.suffix for path in folder.iterdir() if path.suffix] == [".parquet"]


def test_one_query_answers_all_questions(tmp_path: Path, make_line: MakeLine, store: Store) -> None:
    store(tmp_path, make_line(1), make_line(1, 1, workload="beta"))
    history = History(tmp_path)
    assert len(history.past(make_line(1).keys.portable, "loss")) == 1
    for path in tmp_path.glob("*.jsonl"):
        path.unlink()
    assert len(history.past(make_line(1, workload="beta").keys.portable, "accuracy")) == 1
