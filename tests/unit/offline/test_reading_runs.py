"""Files of runs: whatever they hold, each entry is a run or is named, and nothing raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench import codec
from accelbench.offline.reading import read
from accelbench.offline.replay import replay
from accelbench.records import Run

MakeRun = Callable[..., Run]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["run", "schema", "segment", "case", "verdict", "spec", "state", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "file.jsonl"


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_lines_of_any_json_are_named_one_by_one(place: Path, values: list[object]) -> None:
    place.write_text("\n".join(json.dumps(value) for value in values))
    entries = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    found = read([place])
    assert found.runs == []
    assert len(found.problems) == len(entries)
    replayed = replay(place)
    assert (replayed.count, len(replayed.problems)) == (0, len(entries))


@given(st.binary(max_size=60))
def test_bytes_that_are_no_text_raise_nothing(place: Path, content: bytes) -> None:
    place.write_bytes(content)
    assert read([place]).runs == []
    assert replay(place).count == 0


@given(st.data())
def test_a_torn_file_keeps_the_whole_lines(
    place: Path, make_run: MakeRun, data: st.DataObject
) -> None:
    lines = [codec.dumps(make_run(run_id=f"run-{number}")) for number in range(3)]
    content = "\n".join(lines)
    cut = data.draw(st.integers(1, len(content)))
    place.write_text(content[:cut])
    whole = sum(len("\n".join(lines[: number + 1])) <= cut for number in range(3))
    found = read([place])
    assert [run.provenance.run_id for run in found.runs] == [f"run-{n}" for n in range(whole)]
    assert len(found.problems) <= 1


def test_nesting_without_end_is_named(place: Path) -> None:
    place.write_text("[" * 100_000)
    found = read([place])
    assert (found.runs, len(found.problems)) == ([], 1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    found = read([tmp_path / "none.jsonl"])
    assert [problem.text for problem in found.problems] == [
        "cannot be read: No such file or directory"
    ]
