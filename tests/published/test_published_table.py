"""docs/published_figures.md says what its command computes."""

from __future__ import annotations

import re

import pytest
from linear_figures import rows
from mnist_figures import FIGURES, Figure
from table import DOCUMENT, INTRODUCTION, MNIST_TITLE, linear_section


@pytest.fixture(scope="module")
def document() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


def test_table_of_linear_regression_is_the_computed_one(document: str) -> None:
    computed_part, _, _ = document.partition(MNIST_TITLE)
    assert computed_part.splitlines() == (INTRODUCTION + linear_section()).splitlines()
    assert computed_part.count("reproduced |") == len(rows()) - computed_part.count("rounding |")


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_table_of_mnist_has_a_measured_value_in_its_band(document: str, figure: Figure) -> None:
    params = ", ".join(f"{name}={value}" for name, value in figure.params)
    (line,) = [each for each in document.splitlines() if f"| {params} |" in each]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:2] == [figure.workload, params]
    assert cells[2:4] == [f"{figure.parameters:,}", figure.stated]
    assert re.fullmatch(r"\d\d\.\d\d %", cells[5])
    assert figure.low <= float(cells[5].removesuffix(" %")) <= figure.high
    assert cells[6] == figure.outcome
