"""What the trainings that are compared here share: data on disk, engines, parameters."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from accelbench.data import dataset, prepare
from accelbench.data.dataset import ARRAYS
from accelbench.records import DataFiles, Job, RunSpec
from accelbench.workers.engine import Params, resolve

BENCH = Path(__file__).parents[2] / "bench" / "workloads"
GRAPHCORE = str(BENCH / "graphcore_mnist.py")
DATA_LOADING = str(BENCH / "data_loading.py")

BATCH = 16


def params(workload: ModuleType) -> Params:
    """Return the workload's parameters at batch 16."""
    return resolve(workload.PARAMETERS, (("batch_size", BATCH),))


def job(files: DataFiles) -> Job:
    """Return the job of one training on a prepared data set."""
    spec = RunSpec("graphcore_mnist", "cpu", "torch", files.name, 1, 1, (("batch_size", BATCH),))
    return Job(spec, GRAPHCORE, "torch", files)


def engine(workload: ModuleType, files: DataFiles) -> Any:  # noqa: ANN401  # torch's engine
    """Return the engine as a worker builds it."""
    from accelbench.workers.ways import torch as way

    return way.start(job(files), workload, params(workload), lambda _phase: None)


def tensors(workload: ModuleType, files: DataFiles) -> Any:  # noqa: ANN401  # torch's tensors
    """Return the data as the engine holds it."""
    from accelbench.workers.arrays import open_arrays
    from accelbench.workers.ways import torch as way

    return way.resident(open_arrays(files, 0), *workload.NORMALISE)


def subset(name: str, root: Path, folder: Path, samples: int) -> DataFiles:
    """Write the first `samples` images of a data set, repeated where it has fewer."""
    whole = prepare(dataset(name), root, (28, 28))
    for array in ARRAYS:
        content = np.load(Path(whole.directory, f"{array}.npy"))
        if array.startswith("train"):
            content = np.resize(content, (samples, *content.shape[1:]))
        np.save(folder / f"{array}.npy", content)
    return DataFiles(f"{name}-{samples}", "of-no-matter", str(folder))
