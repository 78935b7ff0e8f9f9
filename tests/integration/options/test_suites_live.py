"""The suites of scaling and agreement, as bench/ has them, on workloads that take no time.

The stand-ins have the names of the real workloads and roll a ball down a bowl: the same numbers
for the same seed, on any device. BOWL_ERROR multiplies a device's learning rate, BOWL_WRONG takes
right answers away.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

CHECKOUT = Path(__file__).parents[3]

BOWL = '''
"""A stand-in: gradient descent on a bowl."""
import os
import time

from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
INPUT = [28, 28]
PARAMETERS = {
    "learning_rate": 0.1, "batch_size": 8, "loss": "a", "dropout": 0.5, "train_samples": 0,
}
TIERS = {
    "smoke": [
        {
            "dataset": "digits",
            "epochs": 1,
            "gates": ["accuracy"],
            "smallest_effects": {"accuracy": 0.04},
        }
    ]
}


def start(params, seed, arrays):
    rate = params.number("learning_rate") * float(os.environ.get("BOWL_ERROR", "1"))
    wrong = int(os.environ.get("BOWL_WRONG", "0")) + seed % 3
    weights = [1.0 + seed % 7, -2.0]

    def step(number):
        time.sleep(0.0005)
        loss = 1.0 + sum(weight * weight for weight in weights)
        weights[:] = [weight * (1 - 0.2 * rate) for weight in weights]
        return loss

    evaluate = lambda: Evaluation(0.5, samples=360, accuracy=(300 - wrong) / 360)
    return Stepper(step, evaluate, params.count("batch_size"), steps_per_epoch=40)
'''

# One linear layer, in torch: several replicas need a way to train that has them.
LINEAR = '''
"""A stand-in: one linear layer."""
import torch
from torch import nn
from torch.nn import functional

from accelbench.workers.workload import Training

FRAMEWORK = "torch"
TRAINED_BY = "torch"
INPUT = [28, 28]
NORMALISE = (0.0, 1.0)
PARAMETERS = {"learning_rate": 0.1, "batch_size": 8, "train_samples": 0}
TIERS = {"smoke": [{"dataset": "digits", "epochs": 1, "gates": []}]}


def build(params):
    return Training(
        model=nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
        loss=functional.cross_entropy,
        optimizer=lambda parameters: torch.optim.SGD(parameters, params.number("learning_rate")),
    )
'''

# Two devices of one replica each, so that a workload without a framework can be compared on both.
ROUNDS = """
from accelbench.scaling import SCALING
import pytest

@pytest.mark.gates(1)
def test_rounds(train):
    together = []
    for _ in train.rounds(2):
        alone = train("bowl", on="cpu", gates=[])
        together.append(train("bowl", gates=["scaling_efficiency"]).beside(alone))
        alone.measured(SCALING, published={"seconds": 610})
    first, *repeats = together
    first.check(repeats=repeats, published={"seconds": 324})
"""

USED_WRONGLY = """
def test_seed(train):
    trained = train("bowl", seed=77)
    assert train("bowl", on="cpu", seed=77).measured("pair").spec.seed == 77
    assert trained.measured("pair").spec.device == "cpu-1"

def test_absent(train):
    train("bowl", on="ipu")

def test_unknown(train):
    train("bowl", on="tpu")

def test_several_replicas(train):
    train("bowl", on="cpu-2")

def test_twice(train):
    trained = train("bowl")
    trained.measured("pair")
    trained.check()

def test_never(train):
    train("bowl").measured("pair")
    train("bowl", on="cpu")

def test_diverged(train):
    train("bowl", learning_rate=1e200, expect="completed").measured("pair")
"""


def suite(project: Project, name: str, *workloads: str, source: str = BOWL) -> None:
    """Give a project one of this checkout's suites alone, with stand-ins for its workloads."""
    (project.path / "bench" / "test_training.py").unlink(missing_ok=True)
    shutil.copy(CHECKOUT / "bench" / name, project.path / "bench")
    for workload in workloads:
        (project.workloads / f"{workload}.py").write_text(source)


def own(project: Project, tests: str) -> None:
    """Give a project tests of its own on a bowl."""
    (project.workloads / "bowl.py").write_text(BOWL)
    project.tests(tests)


def agreeing(project: Project, env: str = "") -> pytest.RunResult:
    """Run the agreement suite on cpu-1 beside cpu, with few seeds; `env` is cpu-1's alone."""
    suite(project, "test_agreement.py", "mnist_softmax", "graphcore_mnist")
    path = project.path / "bench" / "test_agreement.py"
    path.write_text(path.read_text().replace('"smoke": (3, 6)', '"smoke": (2, 3)'))
    project.append("pyproject.toml", f"\n[tool.accelbench.device.cpu-1]\nenv = {{{env}}}\n")
    return project.run("--devices", "cpu,cpu-1", "-k", "mnist_softmax")


def roles(project: Project) -> list[str]:
    return sorted(each["run"]["spec"]["role"] for each in project.outcomes())


# ----------------------------------------------------------------------------------- agreement
def test_a_device_that_trains_alike_agrees_and_the_reference_itself_gets_no_test(
    project: Project,
) -> None:
    result = agreeing(project)
    result.assert_outcomes(passed=1, deselected=project.deselected(1))
    assert roles(project) == ["agreement"] * 6  # two seeds, three runs each
    (row,) = [line.split() for line in result.outlines if " cpu-1 " in line]
    assert row[:4] == ["mnist_softmax", "cpu-1", "cpu", "2"]
    assert row[-1] == "passed"


def test_a_learning_rate_5_percent_off_on_one_device_is_told_with_the_next_command(
    plain_project: Project,
) -> None:
    result = agreeing(plain_project, 'BOWL_ERROR = "0.95"')
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "*mnist_softmax on cpu-1, beside cpu: accuracy equivalent: *losses differ: by * of "
            "what a learning rate 5 % higher makes of them, at step *; allowed 0.5",
            "*train one of them again with: accelbench run mnist_softmax --device cpu-1 *--seed *",
        ]
    )


def test_another_accuracy_is_told_though_the_losses_agree(plain_project: Project) -> None:
    result = agreeing(plain_project, 'BOWL_WRONG = "30"')
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        ["*accuracy different: -8.33 points over 2 seeds (*; allowed 4); losses agree: by *"]
    )


def test_an_accuracy_near_the_margin_asks_for_more_seeds_and_stays_open(
    plain_project: Project,
) -> None:
    # 14 of 360 fewer: 3.89 points, and their rounding, beside a margin of 4.
    result = agreeing(plain_project, 'BOWL_WRONG = "14"')
    result.assert_outcomes(skipped=1, deselected=1)
    result.stdout.fnmatch_lines(["SKIPPED*accuracy undecided: -3.89 points over 3 seeds*decide*"])
    assert roles(plain_project) == ["agreement"] * 9


def test_the_reference_device_is_the_inis(plain_project: Project) -> None:
    suite(plain_project, "test_agreement.py", "mnist_softmax", "graphcore_mnist")
    chosen = ("-o", "accelbench_reference_device=cpu-1", "--devices", "cpu,cpu-1")
    result = plain_project.run(*chosen, "--collect-only", "-q")
    listed = [line for line in result.outlines if "::test_agreement" in line]
    assert len(listed) == 2
    assert all(line.endswith("-cpu]") for line in listed)
    result = plain_project.run("-o", "accelbench_reference_device=tpu")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: unknown device 'tpu'; known: cpu, *"])


@pytest.mark.parametrize("name", ["test_agreement.py", "test_scaling.py"])
def test_on_the_cpu_alone_there_is_nothing_to_compare(plain_project: Project, name: str) -> None:
    suite(plain_project, name)
    result = plain_project.run("-m", "cpu", "--collect-only", "-q")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "-cpu]" not in result.stdout.str()


# ------------------------------------------------------------------------------------- scaling
def test_rounds_are_judged_together_and_shown_beside_the_published_figure(
    project: Project,
) -> None:
    own(project, ROUNDS)
    result = project.run("--devices", "cpu-1", "-k", "own")
    result.assert_outcomes(passed=1)
    assert roles(project) == ["repeat", "scaling", "scaling", "screen"]
    (judged,) = [each for each in project.outcomes() if each["verdicts"]]
    (gated,) = [each for each in judged["verdicts"] if each["gated"]]
    assert gated["metric"] == "scaling_efficiency"
    assert gated["status"] in {"new", "contended"}  # a busy host voids it
    counters = judged["run"]["counters"]
    alone = counters["one_replica_throughput"]
    if gated["status"] == "new":
        here = counters["batch_size"] / counters["step_seconds_p50"]
        assert gated["value"] == pytest.approx(here / alone)
    rows = [line.split() for line in result.outlines if line.startswith("bowl ")]
    assert [row[1:4] for row in rows[-2:]] == [["cpu", "1", "2"], ["cpu-1", "1", "2"]]


def test_a_recording_session_trains_as_many_rounds_as_it_records(plain_project: Project) -> None:
    own(plain_project, ROUNDS)
    recording = ("--update-baselines", "--seeds", "3")
    result = plain_project.run("--devices", "cpu-1", "-k", "own", *recording)
    result.assert_outcomes(passed=1)
    assert roles(plain_project) == ["scaling", "scaling", "scaling", "screen"]
    (judged,) = [each for each in plain_project.outcomes() if each["verdicts"]]
    runs = [judged["run"], *judged["references"]]
    assert len(runs) == 3
    assert len({run["spec"]["seed"] for run in runs}) == 3
    assert all(run["counters"]["one_replica_throughput"] for run in runs)


def test_a_way_without_replicas_is_skipped_with_its_words(project: Project) -> None:
    suite(project, "test_scaling.py", "mnist_cnn", "mnist_cnn_keras")
    result = project.run("--devices", "cpu,cpu-2", "--require-device", "cpu-2")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED*'own' has one replica: use -m cpu, not cpu-2"])


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_two_replicas_are_measured_beside_one(plain_project: Project) -> None:
    suite(plain_project, "test_scaling.py", "mnist_cnn", source=LINEAR)
    suite(plain_project, "test_scaling.py", "mnist_cnn_keras")
    path = plain_project.path / "bench" / "test_scaling.py"
    path.write_text(path.read_text().replace('"smoke": 3', '"smoke": 2'))
    result = plain_project.run("--devices", "cpu-2")
    result.assert_outcomes(passed=1, skipped=1)
    specs = [each["run"]["spec"] for each in plain_project.outcomes()]
    assert [(s["device"], s["replicas"]) for s in specs] == [
        ("cpu", 1), ("cpu", 1), ("cpu-2", 2), ("cpu-2", 2)
    ]  # fmt: skip
    one, two = (line.split() for line in result.outlines if line.startswith("mnist_cnn  ") and
                ("1.88" in line or " cpu  " in line))  # fmt: skip
    assert one[1:4] == ["cpu", "1", "2"]
    assert two[1:4] == ["cpu-2", "2", "2"]
    assert two[-2:] == ["1.88", "(0.94)"]


# --------------------------------------------------------------------------------- the fixture
def test_a_second_device_a_seed_and_what_is_measured(project: Project) -> None:
    own(project, USED_WRONGLY)
    result = project.run("--devices", "cpu-1", "-k", "own")
    result.assert_outcomes(passed=2, failed=3, skipped=2, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "SKIPPED*ipu: *IPU*",
            "SKIPPED*'own' has one replica: use -m cpu, not cpu-2",
            "unknown device 'tpu'; known: *",
            "bowl was checked already: check() once",
            "bowl-learning_rate=1e+200 diverged, expected completed: *",
            "trained and never checked: bowl; call .check() on what train() returned",
        ]
    )


def test_a_second_device_that_is_required_and_absent_fails(plain_project: Project) -> None:
    own(plain_project, USED_WRONGLY)
    result = plain_project.run("--devices", "cpu-1", "-k", "absent", "--require-device", "ipu")
    result.assert_outcomes(failed=1, deselected=7)
    result.stdout.fnmatch_lines(["*ipu: *IPU* (--require-device)"])
