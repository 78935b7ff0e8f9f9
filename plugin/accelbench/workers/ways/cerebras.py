"""Trains torch workloads through the Cerebras SDK: on a CSX, on its CPU backend, or only lowered.

Workload files stay as they are: their torch optimizer becomes the SDK's, labels become int32, the
batches are the torch way's in the same order, and `memory_format` does not count. On a CSX the SDK
computes in half precision whatever a workload declares, with its own loss scaling.
"""

from __future__ import annotations

import os
from dataclasses import replace
from types import ModuleType
from typing import Callable, Optional, Union

import torch

from accelbench.records import Job, OptionValue
from accelbench.workers import cerebras_parts, cerebras_phases, cerebras_sdk, host, torch_job
from accelbench.workers.cerebras_artifacts import removed_on_failure
from accelbench.workers.cerebras_check import CheckEngine
from accelbench.workers.cerebras_engine import CerebrasEngine
from accelbench.workers.engine import Params
from accelbench.workers.meeting import Meeting

OF = "torch"
REPLICAS = "inside"
PLATFORMS = ("cerebras", "cerebras-cpu", "cerebras-check")
PRECISIONS = {"cerebras": "mixed", "cerebras-check": "mixed"}

# The names and defaults are the SDK's own (ClusterConfig, backends.csx and DataExecutor of
# cerebras_pytorch 2.10); an empty text, an empty list and a zero leave its default. "dynamic" loss
# scaling follows from half_dtype: all but bfloat16.
OPTIONS = {
    "activation_steps": 1,
    "artifact_dir": "",
    "automount": True,
    "compile_dir": "",
    "credentials_path": "",
    "disable_version_check": False,
    "half_dtype": "float16",
    "job_labels": [],
    "job_priority": "p2",
    "job_time_sec": 0,
    "max_act_per_csx": 0,
    "max_wgt_servers": 0,
    "mgmt_address": "",
    "mgmt_namespace": "",
    "micro_batch_size": "auto",
    "mount_dirs": [],
    "num_csx": 1,
    "num_workers_per_csx": 1,
    "optimization_level": 1,
    "python_paths": [],
    "transfer_processes": 5,
}

# Those that name files of this host.
_PATHS = frozenset({"artifact_dir", "credentials_path", "mount_dirs", "python_paths"})


def start(
    job: Job,
    workload: ModuleType,
    params: Params,
    enter: Callable[[str], None],
    meeting: Optional[Meeting] = None,  # noqa: ARG001  # replicas are inside: there is none
) -> Union[CerebrasEngine, CheckEngine]:
    """Open the SDK's backend, build the model with the seed's weights, and return what is driven.

    `enter` is told when the data phase begins, and later of each phase that the SDK's log shows.
    """
    job = _placed(job)
    sdk = cerebras_sdk.open_sdk(job)
    with removed_on_failure(sdk.artifacts):
        return _engine(job, workload, params, enter, sdk)


def _placed(job: Job) -> Job:
    """Return a job whose paths hold in any folder: the SDK is called in one of its own."""
    data = job.data and replace(job.data, directory=os.path.abspath(job.data.directory))  # noqa: PTH100  # a text
    options = tuple((name, _absolute(name, value)) for name, value in job.options)
    path = os.path.abspath(job.workload_path)  # noqa: PTH100  # as above
    return replace(job, workload_path=path, data=data, options=options)


def _absolute(name: str, value: OptionValue) -> OptionValue:
    if name in _PATHS and isinstance(value, str) and value:
        return _path(value)
    if name in _PATHS and isinstance(value, tuple):
        return tuple(map(_path, value))
    return value


def _path(value: str) -> str:
    return os.path.abspath(os.path.expanduser(value))  # noqa: PTH100,PTH111  # a text


def _engine(
    job: Job,
    workload: ModuleType,
    params: Params,
    enter: Callable[[str], None],
    sdk: cerebras_sdk.Sdk,
) -> Union[CerebrasEngine, CheckEngine]:
    if not sdk.lazy:
        # The SDK's own variable, which it reads itself where it traces (and takes 1 without it).
        torch.set_num_threads(int(os.environ.get("TORCH_NUM_THREADS") or host.usable_cores()))
    training = torch_job.built(job, workload, params)
    enter("data")
    parts = cerebras_parts.cut(job, workload, params, training)
    if job.platform == cerebras_sdk.CHECK:
        return CheckEngine(job, training, sdk, parts)
    engine = CerebrasEngine(job, training, sdk, parts, enter)
    cerebras_phases.listen(engine.reader)
    return engine
