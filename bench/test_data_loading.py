"""How long one pass over the training set takes, without any training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from accelbench.training import Train

PASSES = 3
GATES = ["data_loading_seconds"]
LARGEST_SHARE = 0.1


@pytest.mark.gates(1)
@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_per_sample_loader(train: Train, workers: int) -> None:
    """The usual loader, one transformed image a sample, has not become slower."""
    train("data_loading", epochs=PASSES, gates=GATES, path="per_sample", workers=workers).check()


@pytest.mark.gates(2)
def test_batched_path_beats_per_sample_transforms(train: Train) -> None:
    """The suite's own path takes at most a tenth of the usual one's time, on a quiet host."""
    batched = train("data_loading", epochs=PASSES, gates=GATES, path="batched")
    per_sample = train("data_loading", epochs=PASSES, gates=GATES, path="per_sample")
    verdicts = [*batched.check(), *per_sample.check()]
    if any(verdict.status == "contended" for verdict in verdicts):
        pytest.skip("the host was busy: a ratio of two times would say nothing")
    ours = min(epoch.data_seconds for epoch in batched.run.epochs)
    usual = min(epoch.data_seconds for epoch in per_sample.run.epochs)
    assert ours <= LARGEST_SHARE * usual, f"batched loading takes {ours / usual:.3f} of the usual"
