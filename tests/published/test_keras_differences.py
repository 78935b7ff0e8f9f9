"""Keras trains alike on one and on several replicas, and as torch does: to rounding."""

from __future__ import annotations

import importlib.util

import pytest
from keras_differences import KerasRuns, keras_agreement, keras_differences, keras_runs

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("tensorflow", "torch"))),
    reason="TensorFlow and torch are not both installed",
)

ROUNDING = 1e-12
"""Of doubles. In single precision a difference is no measure: where a gradient is nearly zero, Adam
turns its rounding into whole steps."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> KerasRuns:
    """Fifty steps in Keras by 1, 2 and 4 replicas, in double precision."""
    return keras_runs("float64", tmp_path_factory.mktemp("keras"))


def test_replicas_end_with_the_parameters_of_one_replica_on_the_same_global_batch(
    runs: KerasRuns,
) -> None:
    found = keras_differences(runs)
    assert [row.device for row in found] == ["cpu-2", "cpu-4"]
    assert all(row.largest < ROUNDING for row in found), found
    moved = [
        abs(after - before).max()
        for after, before in zip(runs.parameters("after-1"), runs.parameters("before"), strict=True)
    ]
    assert len(moved) == 8
    assert min(moved) > 1e-4


@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_report_the_losses_of_one_replica(runs: KerasRuns, replicas: int) -> None:
    one, several = runs.arrays["losses-1"], runs.arrays[f"losses-{replicas}"]
    assert len(one) == 50
    assert several == pytest.approx(one, abs=1e-6)
    assert one[-1] < 0.8 * one[0]


def test_keras_and_torch_have_equal_losses_from_the_same_weights_and_batches(
    runs: KerasRuns,
) -> None:
    # Losses are kept in single precision: that is the difference which is left.
    assert keras_agreement(runs, own_epsilon=False).largest < 1e-6
