"""Batches for a cluster's workers: pickled by the SDK, made where accelbench is not installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from accelbench import codec
from accelbench.data import dataset, prepare
from accelbench.records import DataFiles, Job, RunSpec

torch = pytest.importorskip("torch", reason="torch is not installed")

from accelbench.workers.arrays import open_arrays  # noqa: E402  # they import torch
from accelbench.workers.cerebras_data import Part  # noqa: E402
from accelbench.workers.torch_data import Batches, Feed, resident  # noqa: E402

WORKLOADS = Path(__file__).parents[3] / "bench" / "workloads"
SAMPLES, SIZE, EPOCHS, SEED = 300, 64, 2, 11
BOXES, WORKERS = 3, 2


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DataFiles:
    """The decoded digits."""
    return prepare(dataset("digits"), tmp_path_factory.mktemp("data"), (28, 28))


@pytest.fixture(scope="module")
def pickled(inside: Callable[..., Any], files: DataFiles, tmp_path_factory: Any) -> Path:  # noqa: ANN401  # pytest's factory
    """What would travel to a cluster for a training."""
    spec = RunSpec("x", "cerebras", "torch", "digits", SEED, 2, (("train_samples", SAMPLES),))
    job = Job(spec, str(WORKLOADS / "mnist_softmax.py"), "cerebras", files)
    part = Part(SIZE, training=True, passes=EPOCHS)
    file: Path = tmp_path_factory.mktemp("pickled") / "texts.json"
    inside("pickled", str(file), codec.dumps(job), json.dumps(asdict(part)))
    return file


@pytest.fixture(scope="module")
def expected(files: DataFiles) -> list[tuple[list[int], list[float]]]:
    """The labels and the sums of pixels of the batches that the torch way trains on."""
    batches = Batches(SIZE, SEED)
    feed = Feed(resident(open_arrays(files, SAMPLES), 0.0, 1.0), torch.device("cpu"), batches)
    found = []
    for _ in range(EPOCHS):
        feed.begin_epoch()
        for step in range(feed.steps_per_epoch):
            inputs, targets = feed.fetch(step)
            found.append((targets.tolist(), inputs.double().sum((1, 2, 3)).tolist()))
    return found


@pytest.fixture(scope="module")
def streams(inside: Callable[..., Any], pickled: Path) -> dict[str, dict[str, Any]]:
    """What is streamed on the user's node ("here"), and by each worker ("box worker")."""
    found: dict[str, dict[str, Any]] = inside(
        "batches", str(pickled), str(BOXES), str(WORKERS), plugin=False
    )
    return found


def test_without_accelbench_torchs_batches_are_made_in_their_order(
    streams: dict[str, dict[str, Any]], expected: list[Any]
) -> None:
    told = streams["here"]
    assert told["length"] == len(expected) == EPOCHS * (SAMPLES // SIZE)
    assert [(labels, sums) for labels, _, sums in told["batches"]] == expected
    assert {dtype for _, dtype, _ in told["batches"]} == {"torch.int32"}


def test_the_workers_of_several_systems_stream_every_sample_once(
    streams: dict[str, dict[str, Any]], expected: list[Any]
) -> None:
    # A batch of 64 is 22 + 21 + 21 on three CSX; the two workers of each take turns.
    for step, (labels, _) in enumerate(expected):
        shares = [
            streams[f"{box} {step % WORKERS}"]["batches"][step // WORKERS][0]
            for box in range(BOXES)
        ]
        assert [len(share) for share in shares] == [22, 21, 21]
        assert [label for share in shares for label in share] == labels
