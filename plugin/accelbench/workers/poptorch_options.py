"""poptorch.Options of a run: what a device's configuration sets, and the executable cache."""

from __future__ import annotations

import os
from typing import Any, FrozenSet, Tuple

from accelbench.records import Job
from accelbench.workers.engine import Params
from accelbench.workers.poptorch_plan import Plan

MODES = {"all": "All", "sum": "Sum"}
"""poptorch's names of the output modes."""


def training_options(poptorch: Any, job: Job, given: Params, plan: Plan) -> Any:  # noqa: ANN401  # a package without types
    """Return the options to train with, not frozen yet.

    The seed is the device's too: it is set once the weights are made, for it seeds torch as well.
    """
    options = poptorch.Options()
    options.deviceIterations(plan.iterations)
    options.replicationFactor(plan.replicas)
    options.Training.gradientAccumulation(plan.accumulation)
    options.outputMode(getattr(poptorch.OutputMode, MODES[plan.output_mode]))
    options.randomSeed(job.spec.seed)
    if plan.replicas > 1:
        # Buffers that change, such as BatchNorm's: the SDK trains no replicas that share them.
        options.broadcastBuffers(False)  # noqa: FBT003  # the SDK's signature
    if given.get("auto_round_ipus"):
        options.autoRoundNumIPUs(True)  # noqa: FBT003  # the SDK's signature
    share = given.number("available_memory_proportion")
    if share:
        options.setAvailableMemoryProportion({"IPU0": share})
    if given.text("executable_cache") and job.platform != "ipu-model":
        options.enableExecutableCaching(cache_folder(given))
    return options


def inference_options(poptorch: Any, options: Any) -> Any:  # noqa: ANN401  # a package without types
    """Return the options to evaluate with: one replica, and one batch a call."""
    changed = options.clone()
    changed.deviceIterations(1)
    changed.replicationFactor(1)
    changed.Training.gradientAccumulation(1)
    changed.outputMode(poptorch.OutputMode.All)
    return changed


def cache_folder(given: Params) -> str:
    """Return where executables are kept: the option, else POPTORCH_CACHE_DIR; "" for nowhere."""
    folder = given.text("executable_cache") or os.environ.get("POPTORCH_CACHE_DIR", "")
    return os.path.abspath(os.path.expanduser(folder)) if folder else ""  # noqa: PTH100,PTH111  # the SDK takes a text


def executables(folder: str) -> FrozenSet[Tuple[str, str]]:
    """Return the files of a cache, which may not exist yet: what is new was compiled."""
    return frozenset((root, name) for root, _, names in os.walk(folder) for name in names)
