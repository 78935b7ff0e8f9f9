"""Opens the Cerebras SDK's one backend of this process: the CPU's, a CSX's, or the check's."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import torch

from accelbench.records import Job, OptionValue, Pairs, Scalar
from accelbench.workers import cerebras_artifacts, cerebras_options
from accelbench.workers.cerebras_artifacts import Artifacts, removed_on_failure
from accelbench.workers.cerebras_jobs import label
from accelbench.workers.watchdog import RUN_VARIABLE

CPU, CHECK, CSX = "cerebras-cpu", "cerebras-check", "cerebras"

# What goes into the SDK's ClusterConfig as it is; an empty text or a zero is the SDK's default.
_CLUSTER = (
    "num_csx",
    "num_workers_per_csx",
    "max_wgt_servers",
    "max_act_per_csx",
    "mount_dirs",
    "python_paths",
    "job_priority",
    "job_time_sec",
    "mgmt_address",
    "mgmt_namespace",
    "credentials_path",
    "automount",
    "disable_version_check",
)

# The options that may change a number: what is lowered, then how it is run. Where jobs are queued,
# and where files lie, changes none.
_LOWERED = ("half_dtype", "micro_batch_size", "optimization_level")
_TREATMENT = (
    *_LOWERED,
    "activation_steps",
    "max_act_per_csx",
    "max_wgt_servers",
    "num_csx",
    "num_workers_per_csx",
    "transfer_processes",
)


@dataclass(frozen=True)
class Sdk:
    """The SDK with its backend: `torch` is cerebras.pytorch; `artifacts` the folder of its files.

    `lazy`: the backend traces a step once, for a CSX. `scales`: it computes in half precision whose
    loss must be scaled.
    """

    torch: Any
    backend: Any
    artifacts: Artifacts
    lazy: bool
    scales: str = ""

    @contextmanager
    def working(self) -> Iterator[None]:
        """Call the SDK: what it writes stays in its folder, which goes when something is raised."""
        with removed_on_failure(self.artifacts):
            if self.lazy:
                with self.artifacts.inside():
                    yield
            else:
                yield


def open_sdk(job: Job) -> Sdk:
    """Import the SDK and open the backend of a job's platform.

    ValueError names an option's bad value, RuntimeError says why there is no SDK. What the SDK
    writes goes to a folder that is removed when the process ends, unless the option artifact_dir
    names one to keep.
    """
    options = dict(job.options)
    cerebras_options.check(options)
    # The SDK lowers by a program that lies beside the interpreter, and looks for it on the PATH.
    beside = os.path.dirname(sys.executable)  # noqa: PTH120  # as it was started, not resolved
    os.environ["PATH"] = os.pathsep.join((beside, os.environ.get("PATH", os.defpath)))
    try:
        sdk: Any = importlib.import_module("cerebras.pytorch")
    except ImportError as error:
        raise RuntimeError(
            f"{sys.executable} cannot import the Cerebras SDK ({error}): install cerebras_pytorch "
            "in an environment of its own and name its interpreter in the device's command"
        ) from None
    artifacts = cerebras_artifacts.make(str(options.get("artifact_dir", "")))
    with removed_on_failure(artifacts):
        if job.platform == CPU:
            backend = sdk.backend("CPU", artifact_dir=artifacts.folder)
            return Sdk(sdk, backend, artifacts, lazy=False)
        with artifacts.inside():
            return _traced(sdk, job, options, artifacts)


def _traced(
    sdk: Any,  # noqa: ANN401  # a module of the device's interpreter
    job: Job,
    options: Mapping[str, OptionValue],
    artifacts: Artifacts,
) -> Sdk:
    """Open the backend that traces: for a CSX, or to validate only."""
    _set_up(sdk, options)
    given: Dict[str, Any] = {"artifact_dir": artifacts.folder}
    if job.platform == CHECK:
        given["validate_only"] = True
    else:
        given["cluster_config"] = _cluster(sdk, job, options)
    if options["compile_dir"]:
        given["compile_dir"] = options["compile_dir"]
    backend = sdk.backend("CSX", **given)
    half = str(options["half_dtype"])
    sdk.amp.set_half_dtype(half)
    # bfloat16 has float32's range of exponents: nothing there is to be scaled.
    scales = "" if half == "bfloat16" else "dynamic"
    return Sdk(sdk, backend, artifacts, lazy=True, scales=scales)


def _set_up(sdk: Any, options: Mapping[str, OptionValue]) -> None:  # noqa: ANN401  # the module
    flags = sdk.backends.csx
    flags.performance.micro_batch_size = cerebras_options.micro_batch_size(options)
    flags.performance.transfer_processes = options["transfer_processes"]
    flags.precision.optimization_level = options["optimization_level"]


def _cluster(sdk: Any, job: Job, options: Mapping[str, OptionValue]) -> Any:  # noqa: ANN401  # the SDK's
    """Return the SDK's ClusterConfig; the decoded data set is mounted, the jobs carry the run."""
    given: Dict[str, Any] = {name: options[name] for name in _CLUSTER if options[name]}
    given.update({name: options[name] for name in ("automount", "disable_version_check")})
    for name in ("mount_dirs", "python_paths"):
        given[name] = [str(each) for each in _texts(options[name])]
    if job.data is not None:
        given["mount_dirs"].append(job.data.directory)
    labels: List[str] = [*_texts(options["job_labels"]), label(os.environ.get(RUN_VARIABLE, ""))]
    return sdk.distributed.ClusterConfig(job_labels=labels, **given)


def _texts(value: OptionValue) -> Tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def treatment(job: Job) -> Pairs:
    """Return what of the SDK may change a number: versions, and the options in force."""
    found: List[Tuple[str, Scalar]] = [
        ("framework_version", str(torch.__version__)),
        ("threads", torch.get_num_threads()),
    ]
    for package in ("cerebras_pytorch", "cerebras_appliance"):
        try:
            found.append((package + "_version", importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            continue
    named = () if job.platform == CPU else _LOWERED if job.platform == CHECK else _TREATMENT
    options = dict(job.options)
    found += [(name, _scalar(options[name])) for name in named]
    return tuple(found)


def _scalar(value: OptionValue) -> Scalar:
    return ",".join(value) if isinstance(value, tuple) else value
