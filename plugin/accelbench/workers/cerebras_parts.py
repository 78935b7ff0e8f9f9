"""How a job's data is cut for the Cerebras SDK, which wants batches of one size."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Tuple

from accelbench.records import Job
from accelbench.workers.cerebras_data import Part, sizes
from accelbench.workers.engine import Params
from accelbench.workers.torch_data import Batches, steps_of_epoch
from accelbench.workers.workload import Training


@dataclass(frozen=True)
class Parts:
    """The training batches, and those of the test set: one part for each size of batch."""

    train: Part
    test: Tuple[Part, ...]
    steps_per_epoch: int
    test_samples: int


def cut(job: Job, workload: ModuleType, params: Params, training: Training) -> Parts:
    """Return how a job's data is cut; ValueError where not even one training batch fills."""
    trained, tested = sizes(job, workload, params)
    size = params.count("batch_size")
    batches = Batches(size, job.spec.seed, training.shuffles, training.steps_per_epoch)
    train = Part(
        size,
        training=True,
        shuffles=training.shuffles,
        steps_per_epoch=training.steps_per_epoch,
        augmented=training.augment is not None,
    )
    test = test_parts(tested, training.test_batch, exactly=not training.classifies)
    return Parts(train, test, steps_of_epoch(batches, trained), tested)


def test_parts(samples: int, wanted: int, *, exactly: bool) -> Tuple[Part, ...]:
    """Return the parts of a test set, every sample in one: at most two sizes of batch.

    Each size is a compilation on a CSX, so one that divides the test set is looked for, down to a
    quarter of what is wanted. Without one the rest has a part of its own, as it has where `exactly`
    the wanted size is to be kept: a loss that is no mean over samples depends on it.
    """
    wanted = min(wanted, samples)
    smallest = wanted if exactly else max(1, wanted // 4)
    size = next((n for n in range(wanted, smallest - 1, -1) if samples % n == 0), wanted)
    whole = samples // size * size
    parts = (Part(size, training=False, end=whole),)
    if whole == samples:
        return parts
    return (*parts, Part(samples - whole, training=False, begin=whole, end=samples))
