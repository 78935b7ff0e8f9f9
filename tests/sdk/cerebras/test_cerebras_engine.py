"""The engine as a CSX is driven: one executor for all epochs, its log read, its clock at rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accelbench.data import dataset, prepare

WORKLOAD = Path(__file__).parents[3] / "bench" / "workloads" / "mnist_softmax.py"
QUEUED, PROGRAMMED = 2.0, 1.0


@pytest.fixture(scope="module")
def trained(
    inside: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Five trainings on the SDK's CPU backend, by the names that the script gives them."""
    files = prepare(dataset("digits"), tmp_path_factory.mktemp("data"), (28, 28))
    found: dict[str, dict[str, Any]] = inside("engine", str(WORKLOAD), files.directory)
    return found


def test_one_executor_for_all_epochs_makes_the_same_training(
    trained: dict[str, dict[str, Any]],
) -> None:
    one, several = trained["cluster"], trained["usual"]
    assert one["losses"] == several["losses"]
    assert len(one["losses"]) == 30
    assert one["accuracy"] == several["accuracy"]


def test_only_the_last_epoch_is_followed_by_an_evaluation(
    trained: dict[str, dict[str, Any]],
) -> None:
    one, several = trained["cluster"], trained["usual"]
    assert one["accuracies"] == [None, None, one["accuracy"]]
    assert None not in several["accuracies"]
    assert one["heard"].count("evaluate") == 1
    assert several["heard"].count("evaluate") == 3


def test_the_phases_follow_the_log_while_it_is_written(trained: dict[str, dict[str, Any]]) -> None:
    heard, phases = trained["cluster"]["heard"], trained["cluster"]["phases"]
    begun = heard.index("first_step")
    assert heard[begun : begun + 5] == ["first_step", "compile", "queue", "attach", "first_step"]
    assert phases["queue"] >= QUEUED
    assert phases["attach"] >= PROGRAMMED
    assert trained["cluster"]["tracked"] == {}


def test_what_is_queued_and_programmed_is_no_time_of_a_step(
    trained: dict[str, dict[str, Any]],
) -> None:
    one = trained["cluster"]
    # Three seconds passed inside the first step; what is left of it, and of its epoch, is its own.
    assert one["phases"]["first_step"] < QUEUED + PROGRAMMED
    assert one["compute"][0] < QUEUED + PROGRAMMED
    assert one["epochs"][0] < QUEUED + PROGRAMMED
    assert all(seconds >= 0 for seconds in one["phases"].values())


def test_every_second_loss_stands_for_the_step_before_it_too(
    trained: dict[str, dict[str, Any]],
) -> None:
    sparse, full = trained["sparse"], trained["usual"]["losses"]
    assert sparse["losses"][1::2] == full[1::2]
    assert sparse["losses"][::2] == full[1::2]
    assert all(seconds >= 0 for seconds in sparse["compute"])
    assert sum(sparse["compute"]) > 0


def test_a_training_that_diverges_leaves_its_executor(trained: dict[str, dict[str, Any]]) -> None:
    wild = trained["wild"]
    assert wild["diverged"]
    assert len(wild["epochs"]) == 1
    assert wild["heard"][-2:] == ["evaluate", "teardown"]


def test_after_it_no_executor_is_asked_for_weights_that_are_gone(
    trained: dict[str, dict[str, Any]],
) -> None:
    wild = trained["wild"]
    assert wild["executors"] == 1, "the training's own"
    assert math.isnan(wild["loss"])
    assert wild["accuracy"] is None
    assert trained["cluster"]["executors"] == 2, "and the evaluation's, where nothing was left"


def test_an_evaluation_is_whole_whatever_comes_back_of_the_training(
    trained: dict[str, dict[str, Any]],
) -> None:
    sparse, usual = trained["sparse"], trained["usual"]
    assert not sparse["diverged"]
    assert sparse["accuracy"] == usual["accuracy"]
    assert sparse["loss"] == usual["loss"]


def test_the_treatment_says_how_often_losses_came_back(trained: dict[str, dict[str, Any]]) -> None:
    # 4 were asked for; an epoch of 10 steps ends with a loss where every second comes back.
    assert trained["sparse"]["treatment"]["activation_steps"] == 2


def test_an_evaluation_without_answers_is_an_error_that_leaves_nothing(
    trained: dict[str, dict[str, Any]],
) -> None:
    assert trained["lost"]["said"].startswith("the SDK brought the answers of 0 steps of an evalu")
    assert not trained["lost"]["left"]
