"""The folder is the registry of metrics, and every one says what it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accelbench import metrics
from accelbench.records import Counters, Run

MakeRun = Callable[..., Run]
OPERATIONS = {"flops_per_sample": 1e6, "peak_flops_per_second": 1e10}
BESIDE = {"one_replica_throughput": 1000.0}


def test_the_metrics_are_the_files_of_the_folder() -> None:
    assert metrics.names() == (
        "accuracy",
        "compile_seconds",
        "compute_seconds",
        "data_loading_seconds",
        "energy_joules",
        "energy_per_sample_joules",
        "epoch_seconds",
        "epochs_to_accuracy",
        "loss",
        "model_flops_utilisation",
        "peak_memory_bytes",
        "scaling_efficiency",
        "throughput",
        "time_to_accuracy",
    )
    assert tuple(metrics.metric(name).name for name in metrics.names()) == metrics.names()


def test_an_unknown_metric_is_named_beside_those_that_exist() -> None:
    with pytest.raises(KeyError, match="unknown metric 'speed'; known: accuracy, compile_seconds"):
        metrics.metric("speed")


@pytest.mark.parametrize("name", metrics.names())
def test_only_what_the_training_learned_is_portable(name: str) -> None:
    metric = metrics.metric(name)
    assert (metric.scope == "portable") == (name in {"accuracy", "epochs_to_accuracy", "loss"})
    higher = {"accuracy", "model_flops_utilisation", "scaling_efficiency", "throughput"}
    assert (metric.direction == "higher") == (name in higher)
    assert (metric.scale == "logit") == (name == "accuracy")


@pytest.mark.parametrize("name", metrics.names())
def test_a_run_in_which_nothing_happened_has_no_reading(name: str, make_run: MakeRun) -> None:
    nothing = make_run(epochs=(), evaluation=None, counters=Counters())
    assert metrics.metric(name).read(nothing) is None


@pytest.mark.parametrize("name", metrics.names())
def test_reading_twice_gives_the_same_and_a_stored_run_reads_like_a_fresh_one(
    name: str, make_run: MakeRun
) -> None:
    run = make_run(target_accuracy=0.85, energy_joules=700.0, **OPERATIONS, **BESIDE)
    reading = metrics.metric(name).read(run)
    assert reading is not None
    assert reading == metrics.metric(name).read(run) == metrics.metric(name).read(run.condensed())
