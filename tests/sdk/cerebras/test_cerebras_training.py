"""Workloads as they are train and evaluate on the Cerebras SDK's CPU backend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelbench.workers.cerebras_phases import tracked

if TYPE_CHECKING:
    from tests.sdk.cerebras.conftest import Suite, Trained

STEPS = 50
EXACT = ("dropout=0.0", "train_samples=400", "--epochs", "2")


@pytest.fixture(scope="module")
def graphcore(suite: Suite) -> Trained:
    """Two epochs of graphcore_mnist without dropout; what the SDK wrote is kept."""
    return suite.train("graphcore_mnist", "cerebras-cpu", *EXACT, "kept")


@pytest.fixture(scope="module")
def on_the_cpu(suite: Suite) -> Trained:
    """The same by torch alone, in this interpreter."""
    return suite.train("graphcore_mnist", "cpu", *EXACT)


def test_every_sample_of_the_test_set_is_evaluated_after_each_epoch(graphcore: Trained) -> None:
    assert graphcore.run["state"] == "completed", graphcore.said
    assert graphcore.run["evaluation"]["samples"] == 360
    accuracies = [epoch["accuracy"] for epoch in graphcore.run["epochs"]]
    assert all(each * 360 == pytest.approx(round(each * 360), abs=1e-9) for each in accuracies)
    assert [epoch["weight_updates"] for epoch in graphcore.run["epochs"]] == [STEPS, STEPS]


def test_the_losses_are_those_of_torch_to_rounding(graphcore: Trained, on_the_cpu: Trained) -> None:
    assert len(graphcore.losses) == len(on_the_cpu.losses) == 2 * STEPS
    first = zip(graphcore.losses[:STEPS], on_the_cpu.losses, strict=False)
    assert max(abs(ours - theirs) for ours, theirs in first) < 2e-6


def test_the_evaluation_is_that_of_torch_to_rounding(
    graphcore: Trained, on_the_cpu: Trained
) -> None:
    ours, theirs = graphcore.run["evaluation"], on_the_cpu.run["evaluation"]
    assert ours["loss"] == pytest.approx(theirs["loss"], abs=2e-5)
    assert abs(ours["accuracy"] - theirs["accuracy"]) * 360 <= 1


def test_the_run_says_which_sdk_it_was(graphcore: Trained, on_the_cpu: Trained) -> None:
    treatment = graphcore.run["provenance"]["treatment"]
    assert treatment["framework_version"].startswith("2.4.0")
    assert treatment["cerebras_pytorch_version"] == treatment["cerebras_appliance_version"]
    assert "num_csx" not in treatment, "it changes nothing on the CPU"
    assert graphcore.run["spec"]["series"] == on_the_cpu.run["spec"]["series"] == "float32-eager"
    assert graphcore.run["counters"]["parameters"] == on_the_cpu.run["counters"]["parameters"]


def test_every_second_belongs_to_a_phase_and_every_step_has_a_time(graphcore: Trained) -> None:
    run = graphcore.run
    assert all(seconds >= 0 for seconds in run["phases"].values())
    assert len(run["steps"]["compute_seconds"]) == 2 * STEPS
    assert all(each > 0 for each in run["steps"]["compute_seconds"])
    steps = sum(run["steps"]["data_seconds"]) + sum(run["steps"]["compute_seconds"])
    assert steps == pytest.approx(sum(epoch["seconds"] for epoch in run["epochs"]), rel=1e-6)


def test_what_the_sdk_tracked_is_read_from_its_own_file(graphcore: Trained) -> None:
    files = sorted(graphcore.artifacts.glob("run-*/executors/0*/track.json"))
    assert len(files) == 4, "an executor for each epoch, and for each evaluation"
    entries = json.loads(files[0].read_text(encoding="utf-8"))
    assert "Initialization" in entries
    # The CPU backend prepares nothing that would belong to another phase.
    assert [tracked(str(file)) for file in files] == [{}] * 4


@pytest.mark.parametrize(
    ("workload", "arguments", "low", "high"),
    [
        ("mnist_softmax", ("--epochs", "3"), 0.8, 1.0),
        ("mnist_softmax", ("optimizer=adagrad", "learning_rate=0.5", "--epochs", "3"), 0.8, 1.0),
        ("row_transformer", ("train_samples=640", "--epochs", "2"), 0.4, 1.0),
    ],
    ids=["softmax", "adagrad", "transformer"],
)
def test_a_workload_learns(
    suite: Suite, workload: str, arguments: tuple[str, ...], low: float, high: float
) -> None:
    trained = suite.train(workload, "cerebras-cpu", *arguments)
    assert trained.run["state"] == "completed", trained.said
    assert low < trained.run["evaluation"]["accuracy"] < high
    # Nothing is left: neither where temporary files are, nor where the command was typed.
    assert [path.name for path in suite.scratch.iterdir() if "cerebras" in path.name] == []
    names = {path.name for path in suite.folder.iterdir()}
    assert not {"cerebras_logs", "executors", "run_meta.json"} & names


def test_an_optimizer_that_the_sdk_has_not_is_one_line(suite: Suite) -> None:
    path = Path(__file__).parents[3] / "bench" / "workloads" / "mnist_softmax.py"
    text = path.read_text(encoding="utf-8")
    suite.workload("own_rule", text.replace("torch.optim.Adagrad(", "Rule(") + RULE)
    trained = suite.train("own_rule", "cerebras-cpu", "optimizer=adagrad")
    assert trained.run["state"] == "unsupported"
    first = trained.run["message"].splitlines()[0]
    assert [path for path in suite.scratch.iterdir() if "cerebras" in path.name] == []
    assert "the Cerebras SDK has no optimizer Rule: of torch.optim's it has ASGD, " in first


RULE = """

class Rule(torch.optim.Adagrad):
    pass
"""
