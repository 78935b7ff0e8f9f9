"""How training scales over devices: the time on N of them beside the time on one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from accelbench.devices import Found
    from accelbench.training import Train

PER_DEVICE: dict[str, Any] = {"batch_size": 16, "learning_rate": 1e-4}
TIERS: dict[str, dict[str, Any]] = {
    "smoke": {"dataset": "digits", "epochs": 1, "train_samples": 960},
    "nightly": {"dataset": "mnist", "epochs": 1, "train_samples": 50000},
    "paper": {"dataset": "mnist", "epochs": 4, "train_samples": 50000},
}

ROUNDS = {"smoke": 3, "nightly": 6, "paper": 6}
"""Rounds of one device, then several: the fewest with an interval to speak of (Student's factor is
4.3 at three rounds, and 12.7 at two), and a better one where nights are long."""

PUBLISHED = {1: 610.0, 2: 324.0, 4: 156.0}
"""Training seconds of the report by devices: speed-ups of 1.88 and 3.91. Its devices are others:
only the shape compares, and no test demands it."""


def published(devices: int) -> dict[str, float]:
    """Return the report's figure for so many devices."""
    return {"seconds": PUBLISHED[devices]} if devices in PUBLISHED else {}


@pytest.mark.gates(1)
@pytest.mark.parametrize("workload", ["mnist_cnn", "mnist_cnn_keras"])
def test_scaling(train: Train, device: Found, one_replica: str, workload: str) -> None:
    """Several devices are worth as much of one as they were; rounds alternate, so drift cancels."""
    from accelbench.scaling import SCALING  # it loads numpy, which collecting does without

    how = {**TIERS[train.tier], **PER_DEVICE}
    together = []
    for _ in train.rounds(ROUNDS[train.tier]):
        alone = train(workload, on=one_replica, gates=[], **how)
        several = train(workload, gates=["scaling_efficiency"], **how)
        together.append(several.beside(alone))
        alone.measured(SCALING, published=published(1))
    first, *repeats = together
    first.check(repeats=repeats, published=published(device.replicas))
