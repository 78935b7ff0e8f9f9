"""The figure: a bar for each rule that was run, none for what is not known."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from accelbench.verify import figure
from accelbench.verify.bench import Row


def peer(judge: str, value: float, note: str) -> Row:
    what = "smallest throughput drop at equal false alarms"
    return Row("V9", what, "drift", judge, value, "%", note=note)


ROWS = [
    Row("V1", "nights with a false alarm", "drift", "paired(code)", 0.4, "%"),
    peer("accelbench, paired(code), screen 0.1", 3.3, "2.1 runs per unchanged test"),
    peer("accelbench, paired(code), screen 0.5", 2.6, "5 runs per unchanged test"),
    peer("student_t: 1 new, 10 stored", math.inf, "at its own threshold 1e+02 % of nights alarm"),
    peer("otava: 1 new, 40 stored", math.nan, "Apache Otava is not installed"),
]


@pytest.fixture
def matplotlib() -> None:
    pytest.importorskip("matplotlib", reason=figure.MISSING)


def test_the_figure_is_an_svg_that_is_the_same_every_time(matplotlib: None, tmp_path: Path) -> None:
    figure.draw(ROWS, tmp_path / "one.svg")
    text = (tmp_path / "one.svg").read_text()
    assert text.startswith("<?xml")
    assert "<svg" in text
    assert "<dc:date>" not in text


def test_a_rule_that_was_not_run_has_no_bar(matplotlib: None, tmp_path: Path) -> None:
    figure.draw(ROWS, tmp_path / "one.svg")
    text = (tmp_path / "one.svg").read_text()
    assert "student_t" in text
    assert "otava" not in text


def test_peers_rates_are_their_own_and_ours_is_that_of_the_same_screen() -> None:
    rates = [figure._own_rate(row, ROWS) for row in ROWS[1:4]]
    assert rates[0] == pytest.approx(0.004)
    assert math.isnan(rates[1])
    assert rates[2] == pytest.approx(1.0)
    assert math.isnan(figure._own_rate(ROWS[1], ROWS[1:]))


def test_without_matplotlib_one_line_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"^matplotlib is not installed: pip install pytest-ac"):
        figure.draw(ROWS, tmp_path / "one.svg")
    assert not (tmp_path / "one.svg").exists()
