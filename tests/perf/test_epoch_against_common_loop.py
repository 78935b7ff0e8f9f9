"""An epoch of graphcore_mnist against the loop of the frameworks' own examples."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest
from ratios import Finding, interleave
from training_pairs import BATCH, DATA_LOADING, GRAPHCORE, engine, params

from accelbench.records import DataFiles
from accelbench.workers.arrays import open_arrays
from accelbench.workers.loop import timed_window
from accelbench.workers.task import load_workload

pytestmark = pytest.mark.perf

Record = Callable[[Finding], None]


def common_loop(files: DataFiles) -> Callable[[], float]:
    """Return an epoch of the same model in the style of pytorch/examples' MNIST.

    PIL images through a DataLoader without workers, ToTensor and Normalize a sample, contiguous
    tensors, plain SGD, and the loss read every ten steps.
    """
    import torch

    per_sample = load_workload(DATA_LOADING).PerSample(open_arrays(files, 0))
    workload = load_workload(GRAPHCORE)
    training = workload.build(params(workload))
    model = training.model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    loader = torch.utils.data.DataLoader(per_sample, batch_size=BATCH, shuffle=True, drop_last=True)

    def epoch() -> float:
        shown = []
        start = time.perf_counter()
        for step, (inputs, targets) in enumerate(loader):
            optimizer.zero_grad()
            loss = training.loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
            if step % 10 == 0:
                shown.append(loss.item())
        return time.perf_counter() - start

    return epoch


def test_epoch_takes_at_most_six_tenths_of_the_common_loop(
    images: DataFiles, record: Record
) -> None:
    driven = engine(load_workload(GRAPHCORE), images)

    def ours() -> float:
        stamps = timed_window(driven, [])
        return (stamps[-1] - stamps[0]) * 1e-9

    gc.collect()
    gc.freeze()
    try:
        pair = interleave(ours, common_loop(images), seconds=90, least=6, settled=6)
    finally:
        gc.unfreeze()
    name = "epoch of graphcore_mnist, batch 16: ours / loop of pytorch/examples"
    record(Finding(name, pair.ratio, 0.60, "", pair.rounds))
