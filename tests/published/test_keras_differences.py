"""Keras trains alike on one and on several replicas, and as torch does: to rounding."""

from __future__ import annotations

import importlib.util

import pytest
from keras_differences import KerasRuns, keras_agreement, keras_differences, keras_runs

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("tensorflow", "torch"))),
    reason="TensorFlow and torch are not both installed",
)

ROUNDING = 1e-9
"""In float64. In float32 a difference is no measure: Adam turns a gradient's rounding, where the
gradient is nearly zero, into whole steps."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> KerasRuns:
    """Fifty steps in Keras by 1, 2 and 4 replicas."""
    return keras_runs(tmp_path_factory.mktemp("keras"))


def test_replicas_end_with_the_parameters_of_one_replica_on_the_same_global_batch(
    runs: KerasRuns,
) -> None:
    found = {(row.training, row.device): row.largest for row in keras_differences(runs)}
    assert len(found) == 4
    for device in ("cpu-2", "cpu-4"):
        assert found["mnist_cnn_keras, float64", device] < ROUNDING
        # 50 steps of at most 1e-4 each way.
        assert found["mnist_cnn_keras, float32", device] < 5e-3


@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_report_the_losses_of_one_replica(runs: KerasRuns, replicas: int) -> None:
    losses = {n: runs.arrays[f"losses-float64-{n}"] for n in (1, replicas)}
    assert losses[replicas] == pytest.approx(losses[1], abs=1e-6)
    assert losses[1][-1] < 0.6 * losses[1][0]


def test_keras_and_torch_have_equal_losses_from_the_same_weights_and_batches(
    runs: KerasRuns,
) -> None:
    found = {(row.precision, row.epsilon): row.largest for row in keras_agreement(runs)}
    assert len(found) == 4
    assert found["float64", "Keras'"] < 1e-6
    assert found["float32", "Keras'"] < 5e-3
    # As each defines Adam they differ, and by more than rounding.
    assert found["float64", "each its own"] > 100 * found["float64", "Keras'"]
