"""What the loop costs beside the same loop written by hand, and on a step that does nothing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from ratios import Finding, interleave
from training_pairs import BATCH, GRAPHCORE, engine, params, tensors

from accelbench.records import DataFiles, Evaluation, Pairs
from accelbench.workers.engine import Engine
from accelbench.workers.loop import timed_window
from accelbench.workers.task import load_workload

pytestmark = pytest.mark.perf

Record = Callable[[Finding], None]


def harness(driven: Engine) -> float:
    """Return the seconds of an epoch that the harness drives, as it measures them."""
    losses: list[Any] = []
    stamps = timed_window(driven, losses)
    driven.read_losses(losses)
    return (stamps[-1] - stamps[0]) * 1e-9


def by_hand(workload: ModuleType, files: DataFiles) -> Callable[[], float]:
    """Return the loop that a user would write for the same training, on the same resident data."""
    import torch

    training = workload.build(params(workload))
    model = training.model.to(memory_format=training.memory_format).train()
    optimizer = training.optimizer(model.parameters())
    loss_function, data = training.loss, tensors(workload, files)
    inputs, targets = data.train_inputs, data.train_targets
    count = len(inputs) - len(inputs) % BATCH

    def epoch() -> float:
        losses = []
        gc.disable()  # as the harness does: only the loop is compared
        start = time.perf_counter()
        for index in torch.split(torch.randperm(len(inputs))[:count], BATCH):
            batch, expected = inputs.index_select(0, index), targets.index_select(0, index)
            optimizer.zero_grad(set_to_none=True)
            loss = loss_function(model(batch), expected)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        taken = time.perf_counter() - start
        gc.enable()
        return taken

    return epoch


def test_epoch_with_the_harness_costs_at_most_a_hundredth_more(
    digits: DataFiles, record: Record
) -> None:
    workload = load_workload(GRAPHCORE)
    driven, hand = engine(workload, digits), by_hand(workload, digits)
    gc.collect()
    gc.freeze()  # as the worker does, so that the collection before a window is short
    try:
        pair = interleave(lambda: harness(driven), hand, seconds=90, least=20, settled=25)
    finally:
        gc.unfreeze()
    record(Finding("epoch: harness / loop by hand", pair.ratio, 1.01, "", pair.rounds))


class Idle:
    """An engine whose steps do nothing."""

    batch_size, steps_per_epoch, parameters = 1, 50_000, 0

    def compile(self) -> None: ...

    def begin_epoch(self) -> None: ...

    def fetch(self, step: int) -> None: ...

    def update(self, batch: None) -> None: ...

    def synchronize(self) -> None: ...

    def read_losses(self, losses: list[Any]) -> list[float]:
        return list(losses)

    def evaluate(self) -> Evaluation:
        return Evaluation(0.0, 1)

    def treatment(self) -> Pairs:
        return ()


def empty_loop() -> float:
    start = time.perf_counter()
    for _ in range(Idle.steps_per_epoch):
        pass
    return time.perf_counter() - start


def test_empty_step_costs_at_most_two_microseconds(record: Record) -> None:
    pair = interleave(lambda: harness(Idle()), empty_loop, seconds=20)
    microseconds = pair.difference / Idle.steps_per_epoch * 1e6
    record(Finding("harness on an empty step", microseconds, 2.0, " µs", pair.rounds))
