"""Records travel to the oldest Python and back: what a worker receives and what it sends."""

from __future__ import annotations

import json
import math

import pytest

from accelbench import codec
from accelbench.records import (
    Counters,
    DataFiles,
    Epoch,
    Evaluation,
    Job,
    RunSpec,
    WorkerResult,
)

SPEC = RunSpec(
    workload="alpha",
    device="cpu",
    framework="torch",
    dataset="digits",
    seed=2**31 - 1,
    epochs=3,
    params=(("batch_size", 8), ("fused", True), ("loss", "logits ✓"), ("rate", 0.1)),
)

RECORDS = [
    Job(SPEC, "/workloads/alpha.py", "torch", None),
    Job(SPEC, "/workloads/alpha.py", "torch", DataFiles("digits", "f" * 16, "/data")),
    Epoch(1.5, 0.5, 1.0, 1400, 140, math.inf, None),
    WorkerResult(
        diverged=True,
        epochs=(Epoch(1.5, 0.5, 1.0, 1400, 140, 0.1, 0.9),),
        evaluation=Evaluation(-math.inf, 360, 0.1),
        counters=Counters(parameters=7, step_seconds_p50=1e-9, steady_state=True),
        treatment=(("python", "3.8.18"), ("threads", 2)),
    ),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record: object) -> None:
    assert codec.loads(type(record), codec.dumps(record)) == record


def test_not_a_number_comes_back_as_such() -> None:
    assert math.isnan(codec.loads(Evaluation, codec.dumps(Evaluation(math.nan, 1))).loss)


def test_a_job_is_written_alike_by_every_python() -> None:
    # Written by Python 3.11; sorted keys make the text a fixed one.
    assert codec.dumps(RECORDS[0]) == json.dumps(
        {
            "data": None,
            "heartbeat_seconds": 1.0,
            "options": {},
            "platform": "cpu",
            "rank": 0,
            "spec": {
                "dataset": "digits",
                "device": "cpu",
                "epochs": 3,
                "framework": "torch",
                "params": {"batch_size": 8, "fused": True, "loss": "logits ✓", "rate": 0.1},
                "replicas": 1,
                "role": "screen",
                "seed": 2147483647,
                "series": "float32-eager",
                "workload": "alpha",
            },
            "trained_by": "torch",
            "workload_path": "/workloads/alpha.py",
            "world": 1,
        },
        ensure_ascii=False,
    )


@pytest.mark.parametrize(
    ("path", "wrong", "message"),
    [
        ("seed", "1", "Job.spec.seed: int is expected, not '1'"),
        ("params", [], "Job.spec.params: an object is expected, not []"),
        ("params", {"a": None}, "Job.spec.params.a: a plain value is expected"),
        ("extra", 1, "Job.spec: unknown field extra"),
    ],
)
def test_a_field_that_does_not_fit_is_named(path: str, wrong: object, message: str) -> None:
    value = json.loads(codec.dumps(RECORDS[0]))
    value["spec"][path] = wrong
    with pytest.raises(ValueError, match="Job") as caught:
        codec.from_json(Job, value)
    assert str(caught.value) == message
