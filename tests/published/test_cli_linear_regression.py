"""linear_regression through the command line, to every printed digit."""

from __future__ import annotations

import pytest
from command_line import trained

PRINTED = [
    ("gradient_descent", "0.01", "5.69997e-11"),
    ("gradient_descent", "0.001", "0.148283"),
    ("gradient_descent", "0.0001", "1.28200"),
    ("adagrad", "0.1", "0.0145563"),
    ("adagrad", "0.01", "3.66520"),
    ("adagrad", "0.001", "19.7551"),
    ("adagrad", "0.0001", "23.2450"),
]


@pytest.mark.parametrize(("optimizer", "rate", "loss"), PRINTED)
def test_accelbench_run_prints_the_published_loss(optimizer: str, rate: str, loss: str) -> None:
    run = trained("linear_regression", optimizer=optimizer, learning_rate=rate)
    assert run["state"] == "completed"
    assert f"{run['evaluation']['loss']:#.6g}" == loss
    assert len(run["steps"]["loss"]) == 1000
    assert run["counters"]["parameters"] == 2
    (epoch,) = run["epochs"]
    assert epoch["weight_updates"] == 1000
    assert 0 < epoch["data_seconds"] < epoch["seconds"]
    phases = run["phases"]
    assert {"queue", "attach", "import", "data", "compile", "first_step", "steady"} <= set(phases)
    assert phases["steady"] + phases["first_step"] >= epoch["seconds"]


def test_accelbench_run_shows_the_divergence_as_an_outcome() -> None:
    run = trained("linear_regression", optimizer="gradient_descent", learning_rate="0.1")
    assert run["state"] == "diverged"
    assert f"{run['steps']['loss'][1]:#.6g}" == "712.098"
    assert run["evaluation"]["loss"] == "NaN"
