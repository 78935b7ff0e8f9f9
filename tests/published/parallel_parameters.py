"""The parameters after some steps of a workload, trained by one replica or by several.

Every run takes the same samples in the same steps: the global batch is the same, and each of N
replicas has one N-th of it. Without dropout the parameters then differ by rounding alone, which
Adam can make large: where a gradient is nearly zero, its rounding decides the step's sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accelbench import data, launch
from accelbench.devices import DeviceConfig, Found, kind_of
from accelbench.launch import Launch
from accelbench.limits import parse_limits
from accelbench.records import Job, Provenance, Run, RunSpec
from accelbench.report.progress import Quiet
from accelbench.ways import way

WORKLOADS = Path(__file__).parents[2] / "bench" / "workloads"

STEPS = 50
GLOBAL_BATCH = 48

Parameters = tuple[NDArray[np.float32], ...]

# Wraps a workload: the same training, whose parameters are kept after the last step.
_TORCH = """
import dataclasses, importlib.util
import numpy as np

spec = importlib.util.spec_from_file_location("inner", {inner!r})
inner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(inner)
PARAMETERS, NORMALISE = inner.PARAMETERS, inner.NORMALISE

def build(params):
    training = inner.build(params)
    if {double}:
        training.model.double()
        training.model.register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))

    def watched(parameters):
        parameters = list(parameters)
        optimizer = training.optimizer(parameters)
        done = []

        def keep(*_):
            done.append(1)
            if len(done) == {steps}:
                arrays = [p.detach().cpu().numpy() for p in parameters]
                np.savez({kept!r}, *arrays)

        optimizer.register_step_post_hook(keep)
        return optimizer

    return dataclasses.replace(training, optimizer=watched, steps_per_epoch={steps})
"""


@dataclass(frozen=True)
class Difference:
    """The largest difference of a parameter between N replicas and one, after `STEPS` steps."""

    training: str
    device: str
    largest: float


def torch_run(
    workload: str, device: str, folder: Path, *, double: bool = False
) -> tuple[Run, Parameters]:
    """Return a torch workload's run of `STEPS` steps on a device, and its parameters after it."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{workload}-{device}.npz"
    path = folder / f"{workload}.py"
    inner = str(WORKLOADS / f"{workload}.py")
    path.write_text(_TORCH.format(inner=inner, steps=STEPS, kept=str(kept), double=double))
    return train(path, device, folder), loaded(kept)


def loaded(kept: Path) -> Parameters:
    """Return the arrays of a file, in the order in which they were saved."""
    with np.load(kept, allow_pickle=False) as arrays:
        return tuple(arrays[name] for name in arrays.files)


def train(path: Path, device: str, folder: Path, trained_by: str = "torch") -> Run:
    """Train a workload file for one epoch in real workers; AssertionError where it fails."""
    found = kind_of(device).find(device, DeviceConfig())
    assert isinstance(found, Found), found
    replicas = found.replicas
    params = (("batch_size", GLOBAL_BATCH // replicas), ("dropout", 0.0))
    spec = RunSpec(path.stem, device, trained_by, "digits", 1, 1, params=params, replicas=replicas)
    files = data.prepare(data.dataset("digits"), folder, (28, 28))
    world = way(trained_by).world(replicas)
    job = Job(spec, str(path), trained_by, files, world=world)
    source = Provenance(f"{folder.name}/{device}", "s", "now", "file", "data", "Model")
    limits = parse_limits(300, ())
    log = folder / f"{trained_by}-{device}.log"
    run = launch.run(job, source, Launch(found, DeviceConfig(), limits, log, Quiet()))
    assert run.state.name == "completed", run.message
    return run


def difference(training: str, device: str, ours: Parameters, one: Parameters) -> Difference:
    """Compare the parameters of several replicas with one replica's."""
    largest = max(float(np.abs(a - b).max()) for a, b in zip(ours, one, strict=True))
    return Difference(training, device, largest)
