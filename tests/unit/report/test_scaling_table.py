"""The table of scaling: how an interval is shown."""

from __future__ import annotations

import pytest

from accelbench import scaling
from accelbench.report.scaling import _interval


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        ((0.354, 0.591), "0.35 to 0.59"),
        ((0.0, 9.99), "0.00 to 9.99"),
        ((0.0, 2.2e18), "0.00 to over 10"),
    ],
)
def test_an_interval_without_an_end_does_not_widen_the_table(
    interval: tuple[float, float], shown: str
) -> None:
    row = scaling.Row("alpha", "cpu-2", 2, 2, 1.0, 0.9, 0.95, interval, 0.94)
    assert _interval(row) == shown
