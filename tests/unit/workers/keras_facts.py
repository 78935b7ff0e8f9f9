"""Trains small Keras models on 1, 2 and 4 logical CPUs and prints what it saw, as JSON.

Run as a script with a folder that holds a decoded data set of 50 + 20 images, 6 x 6, whose first
pixel tells which it is: TensorFlow cannot share a process with torch, nor be started twice in one.
"""

# ruff: noqa: ANN401  # TensorFlow has no types

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from accelbench.records import DataFiles, Job, RunSpec
from accelbench.workers.engine import Params
from accelbench.workers.keras_workload import KerasTraining
from accelbench.workers.ways import tensorflow as way

SEED = 5


def model(dropout: float = 0.5) -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(dropout),
            layers.Dense(10),
        ]
    )


def engine(  # what the tests vary
    folder: str,
    replicas: int = 1,
    *,
    seed: int = SEED,
    each: int = 3,
    dropout: float = 0.5,
    more: Any = (),
    **changes: Any,
) -> Any:
    import keras

    def build(_params: Params) -> Any:
        return KerasTraining(
            model=model(dropout),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            optimizer=keras.optimizers.SGD(0.05),
            **changes,
        )

    made: Any = SimpleNamespace(NORMALISE=(0.0, 1.0), build=build)
    spec = RunSpec("made", "cpu", "tensorflow", "made", seed, 1, replicas=replicas)
    values: dict[str, Any] = {"batch_size": 4, "train_samples": 0, "steps_per_execution": each}
    values.update(more)
    job = Job(spec, "made.py", "tensorflow", DataFiles("made", "0" * 16, folder))
    return way.start(job, made, Params(values), lambda _phase: None)


def epoch(made: Any) -> list[float]:
    """Train one epoch; return its losses."""
    made.begin_epoch()
    steps = range(0, made.steps_per_epoch, made.steps_per_update)
    losses = [made.update(made.fetch(step)) for step in steps]
    made.synchronize()
    return list(made.read_losses(losses))


def weights(made: Any) -> list[list[float]]:
    return [each.numpy().ravel().tolist() for each in made._training.model.trainable_variables]


def order(folder: str, replicas: int, steps: int, **changes: Any) -> list[Any]:
    """Return which image stands where in the first steps, and whether each has its label."""
    from accelbench.workers.keras_data import Cut, endless, normalised

    images = np.load(folder + "/train_images.npy")
    labels = np.load(folder + "/train_labels.npy").astype(np.int64)
    given = {
        "batch_size": 8 // replicas,
        "replicas": replicas,
        "samples": len(images),
        "seed": SEED,
    }
    cut = Cut(**{**given, **changes})
    seen, matching = [], True
    batches = endless(normalised(images, 0.0, 1.0), labels, cut)
    for batch, expected in batches.take(steps):
        which = np.rint(batch.numpy()[:, 0, 0, 0] * 255).astype(int)
        matching &= bool((which % 10 == expected.numpy()).all())
        seen += which.tolist()
    return [seen, matching, cut.steps_per_epoch]


def said(action: Callable[[], Any]) -> str:
    try:
        action()
    except (ValueError, TypeError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def dropped(folder: str) -> bool:
    """Tell whether two replicas that see the same images drop the same of them."""
    made = engine(folder, replicas=2)
    strategy = made._execute.strategy
    images = np.ones((4, 6, 6, 1), np.float32)
    found = strategy.run(lambda: made._training.model(images, training=True))
    one, two = strategy.experimental_local_results(found)
    return bool((one.numpy() == two.numpy()).all())


def compiled(folder: str) -> dict[str, Any]:
    """Return what compiling changed, how often the step was traced, and the losses after it."""
    plain = epoch(engine(folder))
    made = engine(folder)
    steps: list[int] = []
    step = made._execute._step

    def counted(*batch: Any) -> Any:
        steps.append(1)
        return step(*batch)

    made._execute._step = counted
    before = weights(made)
    made.compile()
    after, traced = weights(made), len(steps)
    return {
        "untouched": before == after,
        "traced": traced,
        "same_losses": epoch(made) == plain,
        "traced_again": len(steps) - traced,
    }


def evaluated(folder: str) -> dict[str, Any]:
    made = engine(folder, replicas=2)
    images = np.load(folder + "/test_images.npy").astype(np.float32)[..., None] / 255
    labels = np.load(folder + "/test_labels.npy").astype(int)
    found, again = made.evaluate(), made.evaluate()
    outputs = made._training.model(images, training=False).numpy().astype(float)
    logs = outputs - np.log(np.exp(outputs).sum(1, keepdims=True))
    parts = engine(folder, replicas=2, test_batch=7).evaluate()
    return {
        "found": [found.loss, found.accuracy, found.samples],
        "parts": [parts.loss, parts.accuracy, parts.samples],
        "by_hand": [
            float(-logs[range(len(labels)), labels].mean()),
            float((outputs.argmax(1) == labels).mean()),
            len(labels),
        ],
        "repeats": found == again,
    }


def learned(folder: str) -> list[float]:
    made = engine(folder, replicas=2, dropout=0.1)
    before = made.evaluate().loss
    for _ in range(20):
        epoch(made)
    return [before, made.evaluate().loss]


def facts(folder: str) -> dict[str, Any]:
    way.devices("cpu", 4)
    whole = {replicas: order(folder, replicas, 12) for replicas in (1, 2, 4)}
    made = engine(folder, replicas=2, each=4)
    builds_nothing: Any = SimpleNamespace(NORMALISE=(0.0, 1.0), build=lambda _params: 3)
    spec = RunSpec("made", "cpu", "tensorflow", "made", 1, 1)
    job = Job(spec, "made.py", "tensorflow", DataFiles("made", "0" * 16, folder))
    inline = Job(spec, "made.py", "tensorflow", None)
    params = Params({"batch_size": 4})
    return {
        "order": whole,
        "other_seed": order(folder, 1, 6, seed=SEED + 1)[0],
        "file_order": order(folder, 2, 6, shuffles=False)[0],
        "cycling": order(folder, 1, 12, stated_steps=12)[0],
        "too_large": said(lambda: engine(folder, replicas=2, more={"batch_size": 26})),
        "too_few_samples": said(lambda: engine(folder, more={"train_samples": 3})),
        "too_few_devices": said(lambda: way.devices("cpu", 5)),
        "no_gpu": said(lambda: way.devices("cuda", 1)),
        "no_training": said(lambda: way.start(job, builds_nothing, params, print)),
        "no_data": said(lambda: way.start(inline, builds_nothing, params, print)),
        "losses": [epoch(engine(folder, replicas=n, dropout=0.0)) for n in (1, 1)],
        "per_execution": [epoch(engine(folder, each=each)) for each in (1, 5, 1000)],
        "dropped_losses": [epoch(engine(folder, replicas=2, seed=s)) for s in (SEED, SEED, 6)],
        "dropped_alike": dropped(folder),
        "compiled": compiled(folder),
        "evaluated": evaluated(folder),
        "learned": learned(folder),
        "sizes": [made.batch_size, made.steps_per_epoch, made.steps_per_update, made.parameters],
        "fetched": [made.fetch(step) for step in (0, 4)],
        "treatment": dict(made.treatment()),
        "peak_memory_bytes": made.peak_memory_bytes(),
    }


if __name__ == "__main__":
    print(json.dumps(facts(sys.argv[1])))  # noqa: T201  # its output
