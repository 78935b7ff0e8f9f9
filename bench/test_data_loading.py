"""How long one pass over the training set takes, without any training."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from accelbench.training import Train

PASSES = 3
GATES = ["data_loading_seconds"]


@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_per_sample_loader(train: Train, workers: int) -> None:
    """The usual loader, one transformed image a sample, has not become slower."""
    train("data_loading", epochs=PASSES, gates=GATES, path="per_sample", workers=workers).check()


def test_batched_path_beats_per_sample_transforms(train: Train) -> None:
    """The suite's own path takes at most a tenth of the usual one's time, in the same session."""
    batched = train("data_loading", epochs=PASSES, gates=GATES, path="batched")
    per_sample = train("data_loading", epochs=PASSES, gates=GATES, path="per_sample")
    batched.check()
    per_sample.check()
    ratio = median(e.data_seconds for e in batched.run.epochs) / median(
        e.data_seconds for e in per_sample.run.epochs
    )
    assert ratio <= 0.1, f"batched loading takes {ratio:.3f} of the per-sample path's time"
