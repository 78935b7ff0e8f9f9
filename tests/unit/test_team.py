"""Ranks of one run that are killed, fail, hang, stop or dawdle: named, ended, and nothing left."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from accelbench import launch, lease
from accelbench.devices import DeviceConfig, Found, kind_of
from accelbench.launch import Launch
from accelbench.lease import Holder
from accelbench.limits import parse_limits
from accelbench.records import Job, Provenance, Run, RunSpec
from accelbench.report.progress import Quiet

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)

WORKLOAD = """
import os, signal, time
import torch
from accelbench.workers.workload import Tensors, Training

FRAMEWORK = "torch"
TRAINED_BY = "torch"
PARAMETERS = {"batch_size": 4, "misdeed": ""}

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def stop():
    os.kill(os.getpid(), signal.SIGSTOP)

def fail():
    raise RuntimeError("the second device is on fire")

def hang():
    time.sleep(3600)

def dawdle():
    time.sleep(8)

def data(params):
    inputs = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    return Tensors(inputs, inputs.sum(1) > 0, inputs, inputs.sum(1) > 0)

def build(params):
    misdeed = params.text("misdeed")
    done = []

    def loss(outputs, targets):
        done.append(1)
        if misdeed and os.environ["RANK"] == "1" and len(done) >= 6:
            globals()[misdeed]()
        return torch.nn.functional.cross_entropy(outputs, targets.long())

    def sgd(parameters):
        return torch.optim.SGD(parameters, 0.1)

    return Training(torch.nn.Linear(8, 2), loss, sgd, steps_per_epoch=50)
"""

Train = Callable[[str], Run]


@pytest.fixture
def two_ranks(tmp_path: Path, home: Path) -> Train:
    """Trains on cpu-2 in real workers; the second rank commits the misdeed in its sixth step."""
    path = tmp_path / "pair.py"
    path.write_text(WORKLOAD)
    found = kind_of("cpu-2").find("cpu-2", DeviceConfig())
    assert isinstance(found, Found)

    def begin(misdeed: str) -> Run:
        spec = RunSpec(
            "pair", "cpu-2", "torch", "inline", 1, 2, params=(("misdeed", misdeed),), replicas=2
        )
        job = Job(spec, str(path), "torch", None, heartbeat_seconds=0.2, world=2)
        source = Provenance("run/" + tmp_path.name, "s", "now", "file", "data", "Model")
        limits = parse_limits(200, ("first_step=5", "steady=5"))
        how = Launch(found, DeviceConfig(), limits, tmp_path / "run.log", Quiet())
        return launch.run(job, source, how)

    return begin


@pytest.mark.parametrize(
    ("misdeed", "state", "said"),
    [
        ("", "completed", []),
        ("kill", "crashed(rank 1: killed by signal 9)", ["rank 1: the worker ended in"]),
        ("fail", "crashed(rank 1: ", ["rank 1: RuntimeError: the second device is on fire"]),
        ("hang", "timed_out(", ["rank 1 holds the others up", ", in hang (pair.py:"]),
        ("dawdle", "timed_out(", ["rank 1 holds the others up", ", in dawdle (pair.py:"]),
        ("stop", "timed_out(", ["rank 1 holds the others up", "not heard for"]),
    ],
)
def test_whatever_ends_one_rank_ends_all_and_is_named(
    two_ranks: Train, home: Path, misdeed: str, state: str, said: list[str]
) -> None:
    run = two_ranks(misdeed)
    assert str(run.state).startswith(state), run.message
    for text in said:
        assert text in run.message
    left = [each for each in psutil.Process().children(recursive=True) if alive(each)]
    assert not left

    def never(unit: str, holder: Holder | None) -> None:
        raise AssertionError(f"{unit} is still held by {holder}")

    with lease.hold(("cpu",), 1, home / "locks", "next", never):
        pass


def alive(process: psutil.Process) -> bool:
    """Tell whether a process of the run is still there: its environment names the run."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid()
    except psutil.Error:
        return False
