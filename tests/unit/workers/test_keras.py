"""The Keras way to train: order of the data, replicas, seeds, executions, evaluation.

All is done once in a process of its own (keras_facts.py): TensorFlow cannot share one with torch.
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from accelbench.workers import host

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"
)

SCRIPT = Path(__file__).with_name("keras_facts.py")


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """What the script saw on 50 + 20 random images, 6 x 6, whose first pixel tells which it is."""
    folder = tmp_path_factory.mktemp("set")
    draw = np.random.RandomState(0)
    for part, count in (("train", 50), ("test", 20)):
        images = draw.randint(0, 256, (count, 6, 6)).astype(np.uint8)
        images[:, 0, 0] = np.arange(count)
        np.save(str(folder / f"{part}_images.npy"), images)
        np.save(str(folder / f"{part}_labels.npy"), (np.arange(count) % 10).astype(np.uint8))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: Facts = json.loads(done.stdout)
    return found


# ------------------------------------------------------------------------------- order of the data
def test_each_epoch_is_a_permutation_without_its_last_incomplete_batch(facts: Facts) -> None:
    seen, _, steps = facts["order"]["1"]
    first, second = seen[:48], seen[48:]
    assert steps == 6
    assert len(first) == len(set(first)) == len(second) == len(set(second)) == 48
    assert first not in (second, sorted(first))


def test_the_order_is_the_same_for_any_number_of_replicas(facts: Facts) -> None:
    assert facts["order"]["1"] == facts["order"]["2"] == facts["order"]["4"]


def test_labels_stay_with_their_images(facts: Facts) -> None:
    assert [matching for _, matching, _ in facts["order"].values()] == [True, True, True]


def test_another_seed_gives_another_order(facts: Facts) -> None:
    other = facts["other_seed"]
    assert len(set(other)) == 48
    assert other != facts["order"]["1"][0][:48]


def test_a_workload_that_does_not_shuffle_keeps_the_order_of_the_file(facts: Facts) -> None:
    assert facts["file_order"] == list(range(48))


def test_an_epoch_of_stated_steps_cycles_over_the_set(facts: Facts) -> None:
    seen = facts["cycling"]
    assert sorted(seen[:50]) == list(range(50))
    assert len(set(seen[50:96])) == 46


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("too_large", "batch_size 26 on each of 2 replicas exceeds the 50 training samples"),
        ("too_few_samples", "batch_size 4 exceeds the 3 training samples"),
        ("too_few_devices", "sees 4 CPU devices and 5 are wanted"),
        ("no_gpu", "sees 0 GPU devices and 1 are wanted"),
        ("no_training", "must return accelbench.workers.keras_workload.KerasTraining, not int"),
        ("no_data", "a Keras workload trains on a data set"),
    ],
)
def test_what_does_not_fit_is_named(facts: Facts, what: str, said: str) -> None:
    if what == "no_gpu" and not facts[what]:
        pytest.skip("this host has a GPU that TensorFlow can use")
    assert said in facts[what]


# -------------------------------------------------------------------------------- losses and seeds
def test_equal_seeds_give_losses_equal_to_the_last_bit(facts: Facts) -> None:
    assert facts["losses"][0] == facts["losses"][1]
    assert facts["dropped_losses"][0] == facts["dropped_losses"][1]
    assert all(map(math.isfinite, facts["losses"][0]))


def test_another_seed_gives_other_losses(facts: Facts) -> None:
    assert facts["dropped_losses"][0] != facts["dropped_losses"][2]


def test_losses_do_not_depend_on_how_many_steps_an_execution_makes(facts: Facts) -> None:
    one, five, whole = facts["per_execution"]
    assert len(one) == 12
    assert one == five == whole


def test_each_replica_drops_out_on_its_own(facts: Facts) -> None:
    assert facts["dropped_alike"] is False


def test_training_learns(facts: Facts) -> None:
    before, after = facts["learned"]
    assert after < before


# ------------------------------------------------------------------------------ compile and set-up
def test_compiling_uses_up_no_batch_and_changes_no_number(facts: Facts) -> None:
    assert facts["compiled"]["untouched"]
    assert facts["compiled"]["same_losses"]


def test_the_first_step_traces_nothing_that_compiling_has_not_traced(facts: Facts) -> None:
    assert facts["compiled"]["traced"] == 1
    assert facts["compiled"]["traced_again"] == 0


def test_the_last_execution_of_an_epoch_makes_the_steps_that_are_left(facts: Facts) -> None:
    batch_size, steps, each, parameters = facts["sizes"]
    assert (batch_size, steps, each) == (8, 6, 4)
    assert facts["fetched"] == [4, 2]
    assert parameters == 4 * (9 + 1) + 10 * (64 + 1)


def test_the_treatment_names_what_may_change_a_number(facts: Facts) -> None:
    found = dict(facts["treatment"])
    assert found.pop("framework_version").count(".") >= 2
    assert found.pop("keras_version").startswith("3.")
    for name in ("cuda_version", "cudnn_version", "tensor_float_32"):
        found.pop(name, None)  # where the host has a GPU
    assert found == {
        "jit_compile": False,
        "steps_per_execution": 4,
        "strategy": "MirroredStrategy",
        "threads": host.usable_cores(),
    }
    assert facts["peak_memory_bytes"] > 0


# -------------------------------------------------------------------------------------- evaluation
def test_evaluation_is_without_dropout_and_agrees_with_the_model_applied_by_hand(
    facts: Facts,
) -> None:
    found = facts["evaluated"]
    assert found["repeats"]
    assert found["found"] == pytest.approx(found["by_hand"], rel=1e-6)


def test_evaluation_is_the_mean_over_the_test_set_however_it_is_batched(facts: Facts) -> None:
    assert facts["evaluated"]["parts"] == pytest.approx(facts["evaluated"]["found"], rel=1e-6)
