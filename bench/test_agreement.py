"""Whether a device trains as the reference device does: it needs no history of its own for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from accelbench.devices import Found
    from accelbench.trained import Trained
    from accelbench.training import Train

# Global batches that 2, 4 and 8 devices can share. No dropout: devices draw different numbers.
# graphcore_mnist with logits and a lower rate: its double softmax leaves digits unlearned for a
# while, by chance, and at 0.05 rounding grows so fast that late accuracies differ by it alone.
WORKLOADS: dict[str, dict[str, Any]] = {
    "mnist_softmax": {"batch_size": 48, "learning_rate": 0.7},
    "graphcore_mnist": {
        "batch_size": 8,
        "learning_rate": 0.02,
        "dropout": 0.0,
        "loss": "logits",
    },
}

TIERS: dict[str, dict[str, dict[str, Any]]] = {
    "smoke": {
        "mnist_softmax": {"dataset": "digits", "epochs": 20},
        "graphcore_mnist": {"dataset": "digits", "epochs": 2},
    },
    "nightly": {
        "mnist_softmax": {"dataset": "mnist", "epochs": 1},
        "graphcore_mnist": {"dataset": "mnist", "epochs": 1},
    },
}

EARLY_EPOCHS = {"digits": 2, "mnist": 1}
"""Epochs that make 32 steps at least: of the yardstick's runs only the early losses are used."""

LOOKS = {"smoke": (3, 6), "nightly": (5, 10), "paper": (5, 10)}
"""Seeds at which the question is asked; the rate of error is shared among the looks."""


def incomparable(device: Found, batch: int) -> str:
    """Return why nothing on a device can be compared at a global batch; empty where it can."""
    if not device.measures:
        return f"{device.device} trains nothing: there are no losses to compare"
    if batch % device.replicas:
        return f"a global batch of {batch} cannot be shared by {device.replicas} replicas"
    return ""


def trained(train: Train, workload: str, how: Mapping[str, Any]) -> Trained:
    """Train the workload as the tier says, on what `how` says."""
    tier = TIERS.get(train.tier, TIERS["nightly"])
    return train(workload, **{**tier[workload], **WORKLOADS[workload], **how})


@pytest.mark.gates(0)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_agreement(train: Train, device: Found, reference_device: str, workload: str) -> None:
    """Equal seeds give equivalent accuracies, and early losses that differ by rounding alone."""
    # They load numpy, which collecting does without.
    from accelbench.agreement import AGREEMENT, Trio, agreement
    from accelbench.verdict.agreement import DIFFERENT, UNDECIDED, YARDSTICK

    batch, rate = WORKLOADS[workload]["batch_size"], WORKLOADS[workload]["learning_rate"]
    against = incomparable(device, batch)
    if against:
        pytest.skip(against)
    ours: list[Trained] = []
    trios: list[Trio] = []
    looks = LOOKS[train.tier]
    for count in looks:
        while len(trios) < count:
            run = trained(train, workload, {"batch_size": batch // device.replicas})
            there: dict[str, Any] = {"on": reference_device, "seed": run.run.spec.seed}
            beside = trained(train, workload, there).measured(AGREEMENT)
            early = EARLY_EPOCHS[run.run.spec.dataset]
            faster = {**there, "learning_rate": rate * (1 + YARDSTICK), "epochs": early}
            yardstick = trained(train, workload, faster).measured(AGREEMENT)
            ours.append(run)
            trios.append(Trio(run.run, beside, yardstick))
        found = agreement(trios, ours[0].smallest_effect("accuracy"), len(looks))
        if found.status != UNDECIDED:
            break
    for run in ours[:-1]:
        run.measured(AGREEMENT)
    ours[-1].measured(AGREEMENT, verdicts=found.verdicts)
    if found.status == DIFFERENT:
        pytest.fail(f"{found.message}\n  train one of them again with: {ours[0].command}")
    if found.status == UNDECIDED:
        pytest.skip(found.message)
