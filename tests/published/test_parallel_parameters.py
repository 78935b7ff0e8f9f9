"""Several ranks train as one: the same parameters to rounding, the same losses and samples."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from parallel_parameters import GLOBAL_BATCH, STEPS, Parameters, difference, torch_run

from accelbench.records import Run

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)

WORKLOAD = "graphcore_mnist"

ROUNDING = 1e-12
"""In float64, where 50 steps leave 1e-14: in float32 maxima that tie may fall either way."""


@pytest.fixture(scope="module")
def one_replica(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Parameters]:
    """The run of one replica, and its parameters."""
    return torch_run(WORKLOAD, "cpu", tmp_path_factory.mktemp("one"), double=True)


@pytest.mark.parametrize("device", ["cpu-2", "cpu-4"])
def test_ranks_end_with_the_parameters_of_one_replica_on_the_same_global_batch(
    one_replica: tuple[Run, Parameters], tmp_path: Path, device: str
) -> None:
    one, expected = one_replica
    ours, parameters = torch_run(WORKLOAD, device, tmp_path, double=True)
    assert difference(WORKLOAD, device, parameters, expected).largest < ROUNDING
    assert ours.steps.loss == pytest.approx(one.steps.loss, rel=1e-6)
    assert ours.evaluation == one.evaluation or (
        ours.evaluation is not None
        and one.evaluation is not None
        and ours.evaluation.loss == pytest.approx(one.evaluation.loss, rel=1e-9)
        and ours.evaluation.accuracy == one.evaluation.accuracy
    )
    for run in (ours, one):
        assert run.counters.batch_size == GLOBAL_BATCH
        assert [epoch.weight_updates for epoch in run.epochs] == [STEPS]
        assert [epoch.samples for epoch in run.epochs] == [STEPS * GLOBAL_BATCH]
