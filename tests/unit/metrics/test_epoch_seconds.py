"""epoch_seconds is the median over the epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from accelbench.metrics.epoch_seconds import METRIC
from accelbench.records import Reading, Run

MakeRun = Callable[..., Run]


def test_two_epochs_give_their_mean(make_run: MakeRun) -> None:
    assert METRIC.read(make_run()) == Reading(1.5)


@pytest.mark.parametrize("order", [(1.0, 9.0, 2.0), (9.0, 2.0, 1.0)])
def test_one_slow_epoch_does_not_count(make_run: MakeRun, order: tuple[float, ...]) -> None:
    epoch = make_run().epochs[0]
    epochs = tuple(replace(epoch, seconds=seconds) for seconds in order)
    assert METRIC.read(make_run(epochs=epochs)) == Reading(2.0)
