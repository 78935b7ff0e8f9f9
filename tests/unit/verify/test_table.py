"""The results as Markdown: numbers, bounds, targets, and the short table of the README."""

from __future__ import annotations

import math
from dataclasses import replace

from accelbench.verify.bench import FULL, QUICK, Row
from accelbench.verify.table import HEADINGS, document, short, table

ROW = Row("V1", "nights with a false alarm", "drift", "paired(code)", 0.4321, "%")


def cells(row: Row) -> list[str]:
    """Return the cells of a row's line, by heading."""
    line = table([row])[-1]
    assert line.startswith("| ")
    assert line.endswith(" |")
    return line[2:-2].split(" | ")


def test_a_table_has_a_column_for_every_heading_in_every_line() -> None:
    lines = table([ROW, replace(ROW, target="<= 1 %", met=True, note="a; b")])
    assert {line.count("|") for line in lines} == {len(HEADINGS) + 2}
    assert len(lines) == 4


def test_a_number_has_three_digits_and_its_unit() -> None:
    assert cells(ROW)[:5] == [
        "V1",
        "nights with a false alarm",
        "drift",
        "paired(code)",
        "0.432 %",
    ]


def test_what_no_drop_reaches_and_what_is_not_known_are_told_apart() -> None:
    assert cells(replace(ROW, value=math.inf))[4] == "none"
    assert cells(replace(ROW, value=math.nan))[4] == "unknown"


def test_bounds_are_shown_as_far_as_they_are_known() -> None:
    assert cells(replace(ROW, high=0.71))[5] == "<= 0.71 %"
    assert cells(replace(ROW, low=0.2, high=0.71))[5] == ">= 0.2, <= 0.71 %"
    assert not cells(ROW)[5].strip()


def test_a_missed_target_stands_out_and_an_open_one_says_nothing() -> None:
    assert [cells(replace(ROW, target="t", met=met))[7] for met in (True, False, None)] == [
        "yes",
        "**no**",
        "",
    ]


def test_the_count_comes_before_the_note() -> None:
    assert cells(replace(ROW, count=5000, note="machine 0"))[8] == "n = 5,000; machine 0"


def test_the_document_says_how_it_was_made_and_counts_the_targets_that_were_decided() -> None:
    rows = [ROW, replace(ROW, met=True), replace(ROW, met=False), replace(ROW, met=None)]
    text = document(rows, FULL, 3, "accelbench verify --seed 3")
    counts = f"{FULL.nights} nights, {FULL.cells} cells a point"
    assert f"`accelbench verify --seed 3`: size full ({counts}), seed 3" in text
    assert "1 of 2 targets missed" in text
    assert text.count("\n| V1 |") == 4
    assert f"size quick ({QUICK.nights} nights" in document(rows, QUICK, 0, "c")


def test_the_short_table_has_one_line_a_rule_of_the_drifting_world_alone() -> None:
    def row(kind: str, judge: str, value: float, world: str = "drift") -> Row:
        what = f"smallest {kind} drop at equal false alarms"
        unit = "sd" if kind == "accuracy" else "%"
        return Row("V9", what, world, judge, value, unit, note=f"{judge}'s note")

    rows = [
        ROW,
        row("throughput", "ours", 3.3),
        row("throughput", "peer", math.inf),
        row("throughput", "clean peer", 2.0, "clean"),
        row("accuracy", "ours", 2.8),
        row("accuracy", "seeds", 2.9),
    ]
    assert short(rows).splitlines()[2:] == [
        "| ours | 3.3 % | 2.8 sd | ours's note |",
        "| peer | none |  | peer's note |",
        "| seeds |  | 2.9 sd | seeds's note |",
    ]
