"""How a test set is cut: every sample once, at most two sizes of batch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from accelbench.workers.cerebras_data import EvaluationBatches, Part, Share  # noqa: E402  # torch
from accelbench.workers.cerebras_parts import test_parts as parts_of  # noqa: E402


@pytest.mark.parametrize(
    ("samples", "wanted", "sizes"),
    [
        (10000, 1000, [1000]),
        (10000, 80, [80]),
        (360, 1000, [360]),
        (360, 80, [72]),  # five batches of 72
        (10007, 1000, [1000, 7]),  # a prime number: nothing divides it
        (1, 1000, [1]),
    ],
)
def test_a_size_that_divides_is_preferred(samples: int, wanted: int, sizes: list[int]) -> None:
    parts = parts_of(samples, wanted, exactly=False)
    assert [part.batch_size for part in parts] == sizes


@pytest.mark.parametrize("exactly", [False, True])
@pytest.mark.parametrize("samples", [1, 7, 80, 81, 159, 160, 161, 360, 1009])
def test_every_sample_is_in_one_batch_and_all_batches_of_a_part_are_alike(
    samples: int,
    exactly: bool,
) -> None:
    parts = parts_of(samples, 80, exactly=exactly)
    assert len(parts) <= 2
    seen = []
    inputs = torch.arange(samples, dtype=torch.float32)
    for part in parts:
        batches = EvaluationBatches((inputs, inputs.long()), part, Share(0, part.batch_size))
        found = [batch for batch, _ in batches]
        assert len(found) == len(batches)
        assert {len(batch) for batch in found} == {part.batch_size}
        seen += torch.cat(found).int().tolist()
    assert seen == list(range(samples))


def test_a_loss_that_is_no_mean_over_samples_keeps_its_batch_size() -> None:
    sizes = [part.batch_size for part in parts_of(360, 80, exactly=True)]
    assert sizes == [80, 40]


def test_labels_are_narrowed_and_other_targets_are_not() -> None:
    part = Part(2, training=False, end=4)
    for targets, kind in ((torch.arange(4), torch.int32), (torch.rand(4), torch.float32)):
        batches = EvaluationBatches((torch.zeros(4, 1), targets), part, Share(0, 2))
        assert {found.dtype for _, found in batches} == {kind}
