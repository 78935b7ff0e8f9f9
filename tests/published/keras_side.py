"""Trains mnist_cnn_keras by 1, 2 and 4 replicas, without dropout; run as a script.

Arguments: the folder of a decoded data set, the file to write, the precision, the steps, the global
batch. The file holds for each number of replicas the loss of each step (losses-2) and the
parameters after them (after-2-0, ...), and of one replica those before them (before-0, ...).
"""

# ruff: noqa: ANN401  # TensorFlow has no types

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from accelbench.records import DataFiles, Job, RunSpec
from accelbench.workers.engine import Params, resolve
from accelbench.workers.task import load_workload
from accelbench.workers.ways import tensorflow as way

WORKLOAD = Path(__file__).parents[2] / "bench" / "workloads" / "mnist_cnn_keras.py"


def started(workload: Any, data: DataFiles, replicas: int, steps: int, batch: int) -> Any:
    """Return the engine of the workload as it is, but for dropout, shuffling and its precision."""
    chosen = (("batch_size", batch // replicas), ("dropout", 0.0))

    def build(params: Params) -> Any:
        # As numpy's doubles: Keras takes Python's for single precision before it casts them.
        betas = {"beta_1": np.float64(0.9), "beta_2": np.float64(0.999)}
        optimizer = keras.optimizers.Adam(params.number("learning_rate"), **betas)
        training = workload.build(params)
        return replace(training, optimizer=optimizer, shuffles=False, steps_per_epoch=steps)

    made: Any = SimpleNamespace(NORMALISE=workload.NORMALISE, build=build)
    spec = RunSpec("keras", "cpu", "tensorflow", "digits", 1, 1, params=chosen, replicas=replicas)
    params = resolve(workload.PARAMETERS, chosen)
    return way.start(Job(spec, str(WORKLOAD), "tensorflow", data), made, params, lambda _: None)


def main(folder: str, kept: str, precision: str, steps: int, batch: int) -> None:
    keras.config.set_floatx(precision)
    keras.config.set_dtype_policy(precision)
    workload, data = load_workload(str(WORKLOAD)), DataFiles("digits", "0" * 16, folder)
    way.devices("cpu", 4)
    found: dict[str, Any] = {}

    def keep(name: str, engine: Any) -> None:
        for number, each in enumerate(engine._training.model.trainable_variables):
            found[f"{name}-{number}"] = each.numpy()

    for replicas in (1, 2, 4):
        engine = started(workload, data, replicas, steps, batch)
        if replicas == 1:
            keep("before", engine)
        firsts = range(0, steps, engine.steps_per_update)
        losses = [engine.update(engine.fetch(first)) for first in firsts]
        found[f"losses-{replicas}"] = np.array(engine.read_losses(losses))
        keep(f"after-{replicas}", engine)
    np.savez(kept, **found)


if __name__ == "__main__":
    folder, kept, precision, steps, batch = sys.argv[1:]
    main(folder, kept, precision, int(steps), int(batch))
