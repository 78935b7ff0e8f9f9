"""Trains a PyTorch workload on Graphcore IPUs, or on their emulation, through poptorch.

The SDK compiles a model that computes its own loss, and runs many steps a call. The order of the
data, the initial weights and what a step trains on are those of the way `torch`.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any, Callable, Dict, cast

import torch

from accelbench.records import Job, Pairs, Scalar
from accelbench.workers import host, torch_job
from accelbench.workers.engine import Params
from accelbench.workers.failure import UnsupportedError
from accelbench.workers.poptorch_data import source
from accelbench.workers.poptorch_engine import IpuEngine, Settings
from accelbench.workers.poptorch_errors import WAIT_VARIABLE, Acquisition
from accelbench.workers.poptorch_given import check
from accelbench.workers.poptorch_models import Models, WithLoss, accepted
from accelbench.workers.poptorch_options import cache_folder, inference_options, training_options
from accelbench.workers.poptorch_plan import Plan, plan
from accelbench.workers.torch_data import Batches, steps_of_epoch
from accelbench.workers.workload import Training

OF = "torch"
REPLICAS = "inside"
PLATFORMS = ("ipu", "ipu-model")
OPTIONS = {
    "device_iterations": 0,  # steps of one call; 0: 25 to 50, so that the fewest are dropped
    "gradient_accumulation": 1,  # micro-batches that a step's batch is split into
    "output_mode": "all",  # or "sum": the losses of a call come back as their sum
    "loader": "resident",  # or "sync", "async": poptorch.DataLoader in this or another process
    "executable_cache": "",  # a folder for compiled models
    "available_memory_proportion": 0.0,  # of a tile, for temporary data; 0: the SDK's own default
    "auto_round_ipus": False,  # take the next power of two of IPUs
}


def start(
    job: Job, workload: ModuleType, params: Params, enter: Callable[[str], None]
) -> IpuEngine:
    """Build and wrap the model, and return what the loop drives; nothing is compiled yet.

    UnsupportedError where the SDK cannot train what the workload asks for, ValueError where an
    option does not fit it.
    """
    waits = _prepare(job.platform)
    poptorch = importlib.import_module("poptorch")
    torch.set_num_threads(host.usable_cores())
    training = _built(job, workload, params)
    optimizer = accepted(poptorch, training.optimizer(training.model.parameters()))
    enter("data")
    tensors = torch_job.tensors_of(job, workload, params)
    given = _given(job)
    whole = _batches(job, training, params)
    steps = steps_of_epoch(whole, len(tensors.train_inputs))
    emulated, augments = job.platform == "ipu-model", training.augment is not None
    check(given, whole.batch_size, steps, augments=augments, emulated=emulated)
    cut = plan(given, whole, steps)
    options = training_options(poptorch, job, given, cut)
    _tell(options)
    data = source(
        poptorch, options, (cut, whole), (tensors, training.augment), given.text("loader")
    )
    models = Models(
        poptorch,
        WithLoss(training.model, training.loss, poptorch.identity_loss),
        optimizer,
        (options, inference_options(poptorch, options)),
        Acquisition(poptorch, waits, enter),
    )
    cache = "" if emulated else cache_folder(given)
    settings = Settings(job.spec.epochs, cache, _treatment(poptorch, given, cut))
    return IpuEngine(training, models, cut, (data, tensors), settings)


def _prepare(platform: str) -> bool:
    """Set what the SDK reads as it is imported; return whether to wait for an IPU that is taken.

    It would wait without a limit and without a word: the waiting is done here, where it is told.
    """
    if platform == "ipu-model":
        os.environ["POPTORCH_IPU_MODEL"] = "1"
    return os.environ.pop(WAIT_VARIABLE, "0") not in {"", "0"}


def _given(job: Job) -> Params:
    """Return the options: those of the job, and for any that it leaves out the default."""
    scalars = {name: value for name, value in job.options if not isinstance(value, tuple)}
    return Params({**cast("Dict[str, Scalar]", OPTIONS), **scalars})


def _batches(job: Job, training: Training, params: Params) -> Batches:
    return Batches(
        params.count("batch_size"),
        job.spec.seed,
        training.shuffles,
        training.steps_per_epoch,
        world=job.spec.replicas,
    )


def _tell(options: Any) -> None:  # noqa: ANN401  # a package without types
    """Write all options, the SDK's own defaults included, into the run's log."""
    sys.stdout.write(f"poptorch.Options of the training:\n{options}\n")
    sys.stdout.flush()


def _built(job: Job, workload: ModuleType, params: Params) -> Training:
    precision = params.get("precision")
    if precision not in {None, "float32"}:
        raise UnsupportedError(f"this way trains in float32 on an IPU, not in {precision}")
    return torch_job.built(job, workload, params)


def _treatment(poptorch: Any, given: Params, cut: Plan) -> Pairs:  # noqa: ANN401  # a package without types
    chosen = {**{name: given.get(name) for name in OPTIONS}, "device_iterations": cut.iterations}
    return (
        ("framework_version", str(torch.__version__)),
        ("poptorch_version", str(poptorch.__version__)),
        ("threads", torch.get_num_threads()),
        *((name, value) for name, value in chosen.items() if value is not None),
    )
