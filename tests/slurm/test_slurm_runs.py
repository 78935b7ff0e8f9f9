"""Trainings behind srun, alone and inside an allocation: they run as anywhere else."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.conftest import Checkout

SRUN = ("srun", "--unbuffered", "--ntasks=1")
STEP = (*SRUN, "--exact")

TORCH = """
import os
import socket

import torch
from accelbench.workers.workload import Tensors, Training

FRAMEWORK = "torch"
TRAINED_BY = "torch"
PARAMETERS = {"batch_size": 4}
TIERS = {"smoke": [{"dataset": "inline", "epochs": 1, "gates": ["loss"]}]}


def data(params):
    inputs = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    return Tensors(inputs, inputs.sum(1) > 0, inputs, inputs.sum(1) > 0)


def build(params):
    place = os.environ["SLURM_JOB_ID"], os.environ["SLURM_STEP_ID"], os.environ["RANK"]
    print("at", *place, flush=True)

    def loss(outputs, targets):
        return torch.nn.functional.cross_entropy(outputs, targets.long())

    def sgd(parameters):
        return torch.optim.SGD(parameters, 0.1)

    return Training(torch.nn.Linear(8, 2), loss, sgd)
"""


def test_a_device_behind_srun_trains_in_a_job_of_its_own(checkout: Checkout) -> None:
    checkout.configure(*SRUN)
    done = checkout.do(checkout.training())
    assert done.status == 0, done.err
    assert done.run["state"] == "completed"
    assert checkout.started.read_text() == "0"
    assert not list(checkout.root.glob("locks/*cpu*"))  # Slurm's queue is the lease
    assert checkout.states() == []


def test_start_up_noise_of_srun_and_its_prolog_is_survived(checkout: Checkout) -> None:
    prolog = checkout.root / "prolog.sh"
    prolog.write_text("#!/bin/sh\necho print Welcome to $SLURMD_NODENAME\necho export MET=1\n")
    prolog.chmod(0o755)
    noisy = 'echo "{braces}"; echo loading modules; echo oops >&2; exec "$@"'
    checkout.configure(*SRUN, "--verbose", f"--task-prolog={prolog}", "sh", "-c", noisy, "sh")
    done = checkout.do(checkout.training())
    assert done.status == 0, done.err
    assert done.run["state"] == "completed"


def test_an_srun_that_slurm_refuses_is_told_in_its_words(checkout: Checkout) -> None:
    checkout.configure(*SRUN, "--partition=nowhere")
    done = checkout.do(checkout.training())
    assert done.status == 1
    assert done.err.splitlines() == [
        "Error: cpu: node 0 of srun: srun: error: Unable to allocate resources: "
        "Invalid partition name specified"
    ]


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["plain", "n2"])
def test_a_session_inside_an_allocation_trains_in_its_steps(
    checkout: Checkout, parallel: tuple[str, ...]
) -> None:
    if parallel and importlib.util.find_spec("xdist") is None:
        pytest.skip("needs pytest-xdist")
    checkout.configure(*STEP)
    said = checkout.inside(checkout.session(*parallel), "--ntasks=2")
    assert "1 passed" in said
    assert "1 new" in said
    assert said.endswith("status 0\n")
    assert checkout.started.read_text() in {"1", "2"}  # step 0 or 1 found the device


def test_a_session_inside_an_allocation_trains_without_srun(checkout: Checkout) -> None:
    said = checkout.inside(checkout.session(), "--ntasks=1")
    assert "1 passed" in said
    assert checkout.started.read_text() == "none"


def test_two_ranks_are_two_tasks_of_one_allocation(checkout: Checkout, tmp_path: Path) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: python -m pip install 'pytest-accelbench[torch]'")
    (checkout.root / "workloads" / "beta.py").write_text(TORCH)
    listen = ("sh", "-c", f'exec "$@" 2>>{tmp_path}/told', "sh")
    checkout.configure(*STEP, "--relative={node}", *listen)
    result = tmp_path / "run.json"
    command = checkout.command("run", "beta", "--device", "cpu-2", "--json", str(result))
    said = checkout.inside(command, "--ntasks=2")
    assert said.endswith("status 0\n"), said
    run = json.loads(result.read_text())
    assert (run["state"], run["spec"]["replicas"]) == ("completed", 2)
    told = (tmp_path / "told").read_text().splitlines()
    places = [line.split()[1:] for line in told if line.startswith("at ")]
    assert {rank for _, _, rank in places} == {"0", "1"}
    assert len({job for job, _, _ in places}) == 1
    assert len({step for _, step, _ in places}) == 2


def test_the_longest_way_through_a_shell_leaves_the_same_python(checkout: Checkout) -> None:
    # The documented form: a setup in front of srun, variables that reach the task.
    checkout.configure(*SRUN, more='setup = "export FROM_SETUP=1"\nenv = { FROM_ENV = "2" }\n')
    done = checkout.do(checkout.training())
    assert done.status == 0, done.err
    told = json.loads((checkout.root / "environment").read_text())
    assert (told["FROM_SETUP"], told["FROM_ENV"]) == ("1", "2")
    assert told["SLURM_JOB_NAME"].startswith("accelbench-")
    assert os.path.realpath(told["PYTHON"]) == os.path.realpath(sys.executable)
