"""The statuses are those of the design, the most urgent first."""

from __future__ import annotations

from accelbench.verdict import RED, STATUSES


def test_all_statuses_of_the_design_are_there_once() -> None:
    assert sorted(STATUSES) == sorted(
        [
            "passed",
            "improved",
            "regressed",
            "inconclusive",
            "blind",
            "learning",
            "new",
            "workload changed",
            "contended",
            "pending",
            "failed",
            "shown",
        ]
    )


def test_only_a_regression_and_a_failure_turn_a_test_red() -> None:
    assert {"regressed", "failed"} == RED
    assert set(STATUSES[:2]) == RED
