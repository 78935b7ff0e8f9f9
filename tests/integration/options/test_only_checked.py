"""The suites where a device has an SDK of its own, or only checks: no SDK is needed for that.

The devices are registered by a conftest.py. What they cannot train is skipped with a reason; what
is only compiled is judged by nothing and recorded nowhere.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

CHECKOUT = Path(__file__).parents[3]

KIND = """
from accelbench.devices.kind import DeviceKind, Found

PLATFORMS = {"press": "ipu", "press-cpu": "cpu", "press-check": "cpu", "press-chip": "ipu"}


def find(device, config):
    measures = device not in {"press-check", "press-chip"}
    platform = PLATFORMS[device]
    return Found(device, "a press", ("press",), platform=platform, measures=measures)


KIND = DeviceKind("press", tuple(PLATFORMS), "press(-cpu|-check|-chip)?", find)
"""

CONFTEST = """
import pathlib

from accelbench import devices

devices.__path__.append(str(pathlib.Path(__file__).parent / "kinds"))
"""

# Its second cell diverges, where it is trained.
PRESSED = '''
"""pressed: trains on a cpu, and is only compiled where PRESSED is set."""
import os

from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"batch_size": 10, "too_much": False}
TIERS = {
    "smoke": [
        {"dataset": "inline", "epochs": 1, "gates": ["accuracy", "loss"]},
        {
            "dataset": "inline",
            "epochs": 1,
            "gates": [],
            "params": {"too_much": True},
            "expect": "diverged",
        },
    ]
}


class Compiled(Stepper):
    only_compiles = True

    def compile(self):
        if os.environ["PRESSED"] == "no":
            raise RuntimeError("the press has no such product")


def start(params, seed, arrays):
    kind = Compiled if "PRESSED" in os.environ else Stepper
    loss = float("inf") if params.get("too_much") else 0.5
    evaluate = lambda: Evaluation(0.5, samples=100, accuracy=0.9)
    return kind(lambda number: loss, evaluate, params.count("batch_size"), 4)
'''

LACKING = """
from accelbench.workers.failure import UnsupportedError

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"batch_size": 1}
TIERS = {"smoke": [{"dataset": "inline", "epochs": 1, "gates": ["loss"]}]}


def start(params, seed, arrays):
    raise UnsupportedError("lacking: the press has no optimizer Shampoo")
"""

DECLARED = """
FRAMEWORK = "numpy"
TRAINED_BY = {trained_by!r}
INPUT = [28, 28]
PARAMETERS = {{"batch_size": 8, "path": "batched", "workers": 0}}
TIERS = {{"smoke": [{{"dataset": "digits", "epochs": 1, "gates": ["loss"]}}]}}
"""

MEASURING = """
import pytest

@pytest.mark.gates(2)
def test_rounds(train):
    first, second = train("pressed"), train("pressed")
    assert first.check(repeats=[second]) == ()

def test_measured(train):
    assert train("pressed").measured("mine").epochs == ()
"""


def register(project: Project, *devices: str) -> None:
    """Let a project offer a press, under some of its ids."""
    (project.path / "kinds").mkdir()
    (project.path / "kinds" / "press.py").write_text(KIND)
    project.append("conftest.py", CONFTEST)
    project.append("pyproject.toml", f"accelbench_devices = {json.dumps(devices)}\n")


def checking(project: Project, answer: str = "yes") -> None:
    """Give a project the workload that press-check only compiles."""
    register(project, "cpu", "press-check")
    (project.workloads / "pressed.py").write_text(PRESSED)
    table = f'\n[tool.accelbench.device.press-check.env]\nPRESSED = "{answer}"\n'
    project.append("pyproject.toml", table)


def test_what_only_compiles_is_checked_and_neither_judged_nor_recorded(project: Project) -> None:
    checking(project)
    project.tests(MEASURING)
    recording = ("--update-baselines", "--seeds", "2")
    result = project.run("-m", "press-check", "--require-device", "press-check", *recording)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=4, deselected=project.deselected(4))
    rows = [line.split() for line in result.outlines if line.startswith("pressed ")]
    empty = ["-"] * 5
    assert [row[-8:] for row in rows] == [["press-check", "(checked)", *empty, "passed"]] * 4
    said = "5 runs checked: lowers for training and evaluation, nothing was measured"
    assert said in result.outlines
    result.stdout.fnmatch_lines(["5 runs, 0 gated metrics: none*"])
    assert project.files() == {}
    kept = project.accelbench("history", "show", "pressed")
    assert len([line for line in kept.outlines if "on press-check: completed" in line]) == 5


def test_beside_it_a_device_that_trains_is_judged_as_ever(plain_project: Project) -> None:
    checking(plain_project)
    result = plain_project.run("--update-baselines", "--seeds", "2", "--benchmark-json=out.json")
    result.assert_outcomes(passed=4)
    benchmarks = json.loads((plain_project.path / "out.json").read_text())["benchmarks"]
    assert {each["params"]["device"] for each in benchmarks} == {"cpu"}
    lines = plain_project.lines("pressed")
    assert [line["run"]["spec"]["device"] for line in lines] == ["cpu", "cpu"]
    states = [each["run"]["state"] for each in plain_project.outcomes()]
    assert sorted(states) == ["completed"] * 3 + ["diverged"]


def test_what_cannot_be_compiled_fails_with_the_sdks_words(plain_project: Project) -> None:
    checking(plain_project, "no")
    result = plain_project.run("-m", "press-check", "-k", "pressed and not too_much")
    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(["*RuntimeError: the press has no such product*"])


def test_what_an_sdk_lacks_is_skipped_with_its_words_and_nothing_is_stored(
    project: Project,
) -> None:
    register(project, "press-cpu")
    (project.workloads / "lacking.py").write_text(LACKING)
    result = project.run()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*: lacking: the press has no optimizer Shampoo"])
    assert project.outcomes() == []


def test_each_suite_says_why_it_leaves_an_sdks_device_out(project: Project) -> None:
    register(project, "press", "press-chip")
    for name in ("test_agreement.py", "test_data_loading.py", "test_modes.py", "test_scaling.py"):
        shutil.copy(CHECKOUT / "bench" / name, project.path / "bench")
    modes = project.path / "bench" / "test_modes.py"
    modes.write_text(modes.read_text().replace('"nightly"', '"smoke"'))
    ways = {"data_loading": "own", "mnist_cnn_keras": "tensorflow"}
    torchs = ("graphcore_mnist", "mnist_cnn", "mnist_softmax", "resnet18_cifar10")
    for name in (*ways, *torchs):
        text = DECLARED.format(trained_by=ways.get(name, "torch"))
        (project.workloads / f"{name}.py").write_text(text)
    chosen = "data_loading or keras or mode or (agreement and chip)"
    result = project.run("-k", f"({chosen}) and not scaling")
    # Two devices: six tests of loading, a cell of Keras, three workloads in two modes.
    result.assert_outcomes(skipped=2 * (6 + 1 + 6) + 2, deselected=project.deselected(12))
    result.stdout.fnmatch_lines_random(
        [
            "SKIPPED*what is trained by 'own' runs on cpu alone, not on press",
            "SKIPPED*what is trained by 'tensorflow' runs on cpu and cuda alone, not on press-chip",
            "SKIPPED*mode compile *",
            "SKIPPED*mode graph *",
            "SKIPPED*press-chip trains nothing: there are no losses to compare",
        ]
    )
    assert project.outcomes() == []
