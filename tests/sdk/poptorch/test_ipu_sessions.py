"""Sessions on a current Python train on IPUs: poptorch's stand-in under Python 3.8, torch 2.0.1."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
STANDIN = ROOT / "tests" / "standin"
OLD = os.environ.get("ACCELBENCH_PYTHON38", "")

if sys.version.startswith("3.8."):
    pytest.skip("a session needs Python 3.11", allow_module_level=True)
if not OLD or not Path(OLD).exists():
    reason = "no Python 3.8 with torch 2.0.1: see `tox run -e worker38`"
    pytest.skip(reason, allow_module_level=True)

TABLE = """
[tool.accelbench.device.{device}]
setup = {setup}
command = [{python}]
env = {{ {env} }}
[tool.accelbench.device.{device}.options]
{options}
"""


class Checkout:
    """A folder with the image workloads, whose pyproject.toml names the old interpreter."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "workloads").mkdir()
        for name in ("graphcore_mnist", "mnist_softmax"):
            shutil.copy(ROOT / "bench" / "workloads" / f"{name}.py", root / "workloads")
        self._tables = ['[tool.pytest.ini_options]\naccelbench_workloads = "workloads"\n']

    def device(self, device: str, options: str = "", **env: str) -> Checkout:
        """Configure a device: the lines of its options, and what its environment adds.

        Its interpreter finds the stand-in by enable.sh, and this package nowhere: as on a machine
        with the SDK.
        """
        env = {"PYTHONPATH": "", **env}
        table = TABLE.format(
            device=device,
            setup=json.dumps(f"source {STANDIN / 'enable.sh'}"),
            python=json.dumps(OLD),
            env=", ".join(f"{name} = {json.dumps(value)}" for name, value in env.items()),
            options=options,
        )
        self._tables.append(table)
        (self.root / "pyproject.toml").write_text("".join(self._tables), encoding="utf-8")
        return self

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a module of this interpreter in the checkout to its end."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "POPTORCH_"))}
        env = {**kept, "ACCELBENCH_LOCKS": str(self.root / "locks"), "COLUMNS": "200"}
        env["ACCELBENCH_DATA"] = str(self.root / "data")
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    def train(self, device: str, workload: str = "mnist_softmax", *more: str) -> dict[str, Any]:
        """Train on digits for one epoch from seed 1; return the run, however it ended."""
        words = ("accelbench.cli", "run", workload, *more, "--device", device, "--seed", "1")
        done = self.command(*words, "--dataset", "digits", "--epochs", "1", "--json", "-")
        assert done.stdout, done.stderr
        run: dict[str, Any] = json.loads(done.stdout)
        assert (done.returncode == 0) == (run["state"] == "completed"), done.stderr
        return run


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_fifty_steps_of_the_published_model_are_the_cpus_to_rounding(checkout: Checkout) -> None:
    # 3e-7 of the loss apart at most where this was written: torch 2.0.1 against a current one.
    checkout.device("ipu")
    params = ("dropout=0.0", "train_samples=408")
    there = checkout.train("ipu", "graphcore_mnist", *params)
    here = checkout.train("cpu", "graphcore_mnist", *params)
    assert there["state"] == here["state"] == "completed"
    pairs = [*zip(there["steps"]["loss"], here["steps"]["loss"][:50], strict=True)]

    assert max(abs(a - b) / b for a, b in pairs) < 5e-6
    assert there["counters"]["parameters"] == here["counters"]["parameters"]
    # 408 images are 51 steps of 8: a call takes 50 of them.
    treatment = there["provenance"]["treatment"]
    assert treatment["device_iterations"] == there["epochs"][0]["weight_updates"] == 50
    assert [run["epochs"][0]["samples"] for run in (there, here)] == [400, 408]
    assert there["provenance"]["device_model"] == "Graphcore IPU Mk2"
    assert treatment["framework_version"].startswith("2.0.1")
    assert treatment["python"].startswith("3.8.")
    assert there["phases"]["compile"] > 0


TESTS = """
import pytest

STEPS = {"ipu": 28, "ipu-2": 14, "ipu-model": 20}

def test_trains(train, device):
    run = train("mnist_softmax", epochs=2, dataset="digits", gates=[]).measured("look")
    size = 100 if device.device == "ipu-2" else 50
    assert [each.samples for each in run.epochs] == [STEPS[device.device] * size] * 2
    assert len(run.steps.loss) == 2 * STEPS[device.device]
    assert run.evaluation.accuracy > 0.6
    assert run.counters.batch_size == size
    treatment = dict(run.provenance.treatment)
    wanted = {"ipu": "resident", "ipu-2": "async", "ipu-model": "sync"}
    assert treatment["loader"] == wanted[device.device]
    assert treatment["gradient_accumulation"] == (5 if device.device == "ipu-2" else 1)
    if device.device == "ipu":
        assert treatment["executable"] == "compiled"
        again = train("mnist_softmax", epochs=1, dataset="digits", gates=[], seed=run.spec.seed)
        run_again = again.measured("look")
        assert dict(run_again.provenance.treatment)["executable"] == "from the cache"
        assert run_again.steps.loss == run.steps.loss[:28]

def test_adagrad(train):
    train("mnist_softmax", optimizer="adagrad", epochs=1, dataset="digits").check()
"""


def test_a_session_trains_on_one_ipu_two_and_an_emulated_one(checkout: Checkout) -> None:
    checkout.device("ipu", 'executable_cache = "kept"')
    checkout.device("ipu-model", 'loader = "sync"\ndevice_iterations = 10')
    more = 'loader = "async"\ngradient_accumulation = 5'
    checkout.device("ipu-2", more, POPTORCH_STANDIN_IPUS="2")
    (checkout.root / "test_ipus.py").write_text(TESTS, encoding="utf-8")
    devices = ("ipu", "ipu-2", "ipu-model")
    options = ["--devices", ",".join(devices), "-m", " or ".join(devices), "-ra"]
    for device in devices[1:]:
        options += ["--deselect", f"test_ipus.py::test_adagrad[{device}]"]
    done = checkout.command("pytest", *options, "--junitxml=junit.xml")
    ends = {
        case.attrib["name"]: [part.tag for part in case if part.tag != "properties"]
        for case in ET.parse(checkout.root / "junit.xml").iter("testcase")
    }
    trained: dict[str, list[str]] = {f"test_trains[{device}]": [] for device in devices}
    assert ends == {**trained, "test_adagrad[ipu]": ["skipped"]}, done.stdout
    assert "poptorch.optim.LAMB, not with Adagrad" in done.stdout
    assert done.returncode == 0
    assert len([*(checkout.root / "kept").iterdir()]) == 2  # to train, and to infer


FAULTS = [
    ("POPTORCH_STANDIN_FAULT", "link_reset@1", "link_reset", "its links must be reset"),
    ("POPTORCH_STANDIN_BUSY", "1", "busy", "Failed to acquire 1 IPU(s)"),
]


@pytest.mark.parametrize(
    ("variable", "value", "needs", "said"), FAULTS, ids=[each[2] for each in FAULTS]
)
def test_a_lost_ipu_is_a_state_of_its_own_and_its_log_holds_all_options(
    checkout: Checkout, variable: str, value: str, needs: str, said: str
) -> None:
    checkout.device("ipu", "device_iterations = 7", **{variable: value})
    run = checkout.train("ipu")
    assert run["state"] == f"device_lost({needs})"
    assert said in run["message"].splitlines()[0]
    for line in ("device_iterations: 7", "output_mode: OutputMode.All", "random_seed: 1"):
        assert line in run["message"]


def test_a_value_that_no_training_fits_is_one_line_before_its_traceback(checkout: Checkout) -> None:
    run = checkout.device("ipu").train("ipu", "mnist_softmax", "--option", "device_iterations=5000")
    assert run["state"].startswith("crashed(")
    first = run["message"].splitlines()[0]
    assert "option device_iterations must be at most 28, the steps of an epoch" in first
    assert first.endswith("not 5000")


@pytest.mark.parametrize("place", ["table", "command"])
def test_an_option_that_the_sdk_lacks_is_refused_before_anything_starts(
    checkout: Checkout, place: str
) -> None:
    checkout.device("ipu", "replicas = 2" if place == "table" else "")
    words = ["accelbench.cli", "run", "mnist_softmax", "--device", "ipu"]
    done = checkout.command(*words, *(["--option", "replicas=2"] if place == "command" else []))
    assert done.returncode != 0
    (line,) = [each for each in done.stderr.splitlines() if "replicas" in each]
    assert "unknown option 'replicas'" in line
    assert "device_iterations, gradient_accumulation, output_mode" in line
