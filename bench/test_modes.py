"""What compiled and captured steps are worth: each mode is a series, with a baseline of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from accelbench.training import Train


# Compiling takes longer than a whole training of the smoke tier.
@pytest.mark.tiers("nightly", "paper")
@pytest.mark.parametrize("mode", ["compile", "graph"])
@pytest.mark.parametrize("workload", ["graphcore_mnist", "mnist_cnn", "resnet18_cifar10"])
def test_mode(train: Train, workload: str, mode: str) -> None:
    """A step that is compiled, or captured as one graph, trains as well and as fast as it did."""
    train(workload, mode=mode).check()
