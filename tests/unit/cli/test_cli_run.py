"""accelbench run: one run as JSON, and one clear line for everything that does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from accelbench import codec
from accelbench.cli import main
from accelbench.records import Run

WORKLOAD = """
import os
from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"batch_size": 4, "rate": 0.5, "manner": "learn", "steps": 30}
CHOICES = {"manner": ["learn", "diverge", "die"]}
TIERS = {"smoke": [{"dataset": "inline", "epochs": 3, "gates": ["loss"]}]}

def start(params, seed, data):
    def step(number):
        if params.text("manner") == "die":
            print("last words", flush=True)
            os._exit(3)
        wrong = params.text("manner") == "diverge"
        return float("nan") if wrong else params.number("rate") ** number
    return Stepper(step, lambda: Evaluation(0.25, 10, 0.5), 4, params.count("steps"))
"""


@pytest.fixture
def checkout(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one workload; the working folder of the test."""
    root = tmp_path / "checkout"
    (root / "bench" / "workloads").mkdir(parents=True)
    (root / "bench" / "workloads" / "alpha.py").write_text(WORKLOAD)
    monkeypatch.chdir(root)
    return root


def accelbench(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def one_line(result: Result) -> str:
    """Return the one line of an error that was expected; no traceback."""
    assert result.exit_code in {1, 2}
    assert isinstance(result.exception, SystemExit)
    line = result.output.strip().splitlines()[-1]
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def test_a_run_is_written_as_json_to_stdout(checkout: Path) -> None:
    options = ["--seed", "7", "--epochs", "2", "--set", "rate=1", "--json", "-"]
    result = accelbench("run", "alpha", *options)
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    run = codec.from_json(Run, said)
    assert said["state"] == "completed"
    assert said["evaluation"] == {"accuracy": 0.5, "loss": 0.25, "samples": 10}
    assert [set(epoch) >= {"seconds", "data_seconds"} for epoch in said["epochs"]] == [True, True]
    assert "import" in said["phases"]
    assert run.spec.params == (("rate", 1.0),)
    assert (run.spec.seed, run.spec.epochs, run.spec.dataset) == (7, 2, "inline")
    assert run.steps.loss == (1.0,) * 60


def test_a_run_is_written_to_a_file_and_told_in_one_line(checkout: Path) -> None:
    result = accelbench("run", "alpha", "--seed", "7", "--json", "run.json")
    assert result.exit_code == 0
    assert result.stdout.startswith("alpha on cpu: completed, seed 7, accuracy 0.5000, loss 0.25")
    run = codec.loads(Run, (checkout / "run.json").read_text())
    assert run.spec.epochs == 3
    assert {each.name for each in checkout.iterdir()} == {"bench", "run.json"}


def test_a_fresh_seed_is_drawn_each_time(checkout: Path) -> None:
    seeds = {accelbench("run", "alpha").stdout.split("seed ")[1].split(",")[0] for _ in range(2)}
    assert len(seeds) == 2


def test_a_divergence_is_a_result_and_a_crash_is_not(checkout: Path) -> None:
    diverged = accelbench("run", "alpha", "--set", "manner=diverge")
    assert diverged.exit_code == 0
    assert "alpha on cpu: diverged" in diverged.stdout
    assert "the loss is not finite" in diverged.stderr
    died = accelbench("run", "alpha", "--set", "manner=die")
    assert died.exit_code == 1
    assert "crashed(exit status 3)" in died.stdout
    assert "last words" in died.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["alhpa"], "unknown workload 'alhpa' (did you mean alpha?); known: alpha"),
        (["alpha", "--device", "tpu"], "unknown device 'tpu'; known: cpu, "),
        (["alpha", "--device", "ipu"], "ipu: "),
        (["alpha", "--tier", "paper"], "alpha has no cell in the paper tier; it has: smoke"),
        (["alpha", "--tier", "weekly"], "'weekly' is not one of 'smoke', 'nightly', 'paper'"),
        (["alpha", "--option", "a=1"], "--option a=1: what trains here, own, has no options"),
        (["alpha", "--set", "rata=1"], "has no parameter 'rata' (did you mean rate?)"),
        (["alpha", "--set", "rate=fast"], "takes a number such as 0.5, not 'fast'"),
        (["alpha", "--set", "manner=x"], "is one of learn, diverge, die, not 'x'"),
        (["alpha", "--set", "rate"], "rate: KEY=VALUE is expected"),
        (["alpha", "--dataset", "digits"], "holds its own data (data set inline)"),
        (["alpha", "--run-timeout", "0"], "--run-timeout: a number of seconds above 0"),
        (["alpha", "--run-timeout", "inf"], "--run-timeout: at most "),
        (["alpha", "--stall-timeout", "attach=1e10"], "--stall-timeout attach=1e10: at most "),
        (["alpha", "--set", "steps=0"], "steps of workload alpha must be 1 or more, not 0"),
        (["alpha", "--stall-timeout", "x=1"], "--stall-timeout x=1: unknown phase 'x'"),
        (["alpha", "--epochs", "0"], "0 is not in the range"),
        (["alpha", "--seed", "-1"], "-1 is not in the range"),
        (["alpha", "--json", "none/run.json"], "cannot write none/run.json"),
        (["alpha", "--json", "bench"], "cannot write bench"),
    ],
)
def test_what_does_not_fit_is_one_line(checkout: Path, arguments: list[str], message: str) -> None:
    assert message in one_line(accelbench("run", *arguments))


def test_a_framework_that_is_missing_names_the_command_that_brings_it(checkout: Path) -> None:
    text = WORKLOAD.replace('"numpy"', '"nonexistent_framework"')
    (checkout / "bench" / "workloads" / "beta.py").write_text(text)
    message = one_line(accelbench("run", "beta"))
    assert "workload beta needs nonexistent_framework" in message
    assert message.endswith(": python -m pip install nonexistent_framework")


def test_what_is_not_said_comes_from_the_first_smoke_cell(checkout: Path) -> None:
    path = checkout / "bench" / "workloads" / "alpha.py"
    path.write_text(WORKLOAD.replace('"epochs": 3,', '"epochs": 3, "params": {"rate": 2.0},'))
    result = accelbench("run", "alpha", "--set", "steps=5", "--json", "-")
    run = codec.from_json(Run, json.loads(result.stdout))
    assert run.spec.params == (("rate", 2.0), ("steps", 5))
    assert run.spec.epochs == 3


def test_a_tier_is_trained_as_it_is_declared(checkout: Path) -> None:
    paper = '"paper": [{"dataset": "inline", "epochs": 2, "params": {"steps": 7}, "gates": []}]'
    path = checkout / "bench" / "workloads" / "alpha.py"
    path.write_text(WORKLOAD.replace('TIERS = {"smoke"', f'TIERS = {{{paper}, "smoke"'))
    result = accelbench("run", "alpha", "--tier", "paper", "--set", "rate=1", "--json", "-")
    assert result.exit_code == 0, result.output
    run = codec.from_json(Run, json.loads(result.stdout))
    assert run.spec.params == (("rate", 1.0), ("steps", 7))
    assert run.spec.epochs == 2
    assert result.stderr == ""


def test_without_a_tier_a_workload_is_trained_on_the_data_that_it_has(checkout: Path) -> None:
    path = checkout / "bench" / "workloads" / "alpha.py"
    path.write_text(
        WORKLOAD[: WORKLOAD.index("TIERS")]
        + "TIERS = {}\n\ndef start"
        + WORKLOAD.partition("def start")[2]
    )
    result = accelbench("run", "alpha", "--json", "-")
    assert result.exit_code == 0, result.output
    run = codec.from_json(Run, json.loads(result.stdout))
    assert (run.spec.dataset, run.spec.epochs) == ("inline", 1)


def test_the_checkout_is_found_from_a_folder_inside_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "pyproject.toml").touch()
    monkeypatch.chdir(checkout / "bench" / "workloads")
    assert accelbench("run", "alpha", "--epochs", "1").exit_code == 0


def test_a_pyproject_that_does_not_fit_is_one_line(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text("[tool.accelbench.device.cpu]\ncommand = 3\n")
    assert "command must be a list of texts, not 3" in one_line(accelbench("run", "alpha"))


def test_every_command_is_a_file_and_has_its_help(checkout: Path) -> None:
    result = accelbench("--help")
    for name in ("baselines", "data", "devices", "run"):
        assert name in result.output
        assert accelbench(name, "--help").exit_code == 0
    assert accelbench("--version").output.startswith("accelbench, version ")
    assert "No such command 'rnu'" in one_line(accelbench("rnu"))
