"""The batches of a training on an IPU: cut from resident data, or loaded by the SDK's loader.

Either way they are the samples that any other device takes, in the order of `torch_data.Feed`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterator, Optional, Protocol, Tuple

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from accelbench.workers.poptorch_importable import Importable
from accelbench.workers.poptorch_plan import Plan
from accelbench.workers.torch_data import Batches, Feed, steps_of_epoch
from accelbench.workers.workload import Augmentation, Tensors

HOST = torch.device("cpu")


class Source(Protocol):
    """Gives the combined batch of each call, in the epoch's order."""

    def begin_epoch(self) -> None:
        """Draw the order of the epoch."""

    def fetch(self, step: int) -> Tuple[Tensor, Tensor]:
        """Return inputs and targets of the call that begins with a step."""
        ...

    def close(self) -> None:
        """End what loads."""


class Calls(Feed):
    """Data in the host's memory; the batch of a call is gathered by one index of all its steps.

    `batches` says how the whole epoch is cut into steps; those that fill no call are drawn too, and
    left out, so that the next epoch has the order that it has on any other device.
    """

    def __init__(
        self, tensors: Tensors, plan: Plan, batches: Batches, augment: Optional[Augmentation]
    ) -> None:
        steps = steps_of_epoch(batches, len(tensors.train_inputs))
        one = replace(batches, batch_size=batches.samples_per_step, world=1, steps_per_epoch=steps)
        super().__init__(tensors, HOST, one, augment)
        self._plan = plan

    def fetch(self, step: int) -> Tuple[Tensor, Tensor]:
        """Return inputs and targets of the call that begins with a step."""
        steps = slice(step, step + self._plan.iterations)
        index = torch.cat(self._order[steps])
        inputs = self._inputs.index_select(0, index)
        if self._augmentation is not None:
            inputs = self._augmentation.apply(inputs, torch.cat(self._draws[steps]))
        return inputs, self._targets.index_select(0, index)

    def close(self) -> None:
        """Have nothing to end."""


class Numbers(Sampler):  # type: ignore[type-arg]  # torch 2.0's takes no type at run time
    """The numbers of an epoch's samples in its order, each with its random draws behind it.

    A loader's other process has a copy of it: what draws is made there, by the first epoch.
    """

    def __init__(self, count: int, plan: Plan, batches: Batches, draws: int) -> None:
        self._count, self._plan, self._batches, self._draws = count, plan, batches, draws
        self._calls: Optional[Calls] = None

    def __len__(self) -> int:
        return self._plan.samples_per_call * self._plan.calls

    def __iter__(self) -> Iterator[Tensor]:
        """Yield a row of float64 a sample: its number, then its draws."""
        if self._calls is None:
            numbers = torch.arange(self._count, dtype=torch.float64)[:, None]
            tensors = Tensors(numbers, numbers, numbers, numbers)
            beside = Augmentation(self._draws, _beside) if self._draws else None
            self._calls = Calls(tensors, self._plan, self._batches, beside)
        self._calls.begin_epoch()
        for call in range(self._plan.calls):
            yield from self._calls.fetch(call * self._plan.iterations)[0]


def _beside(numbers: Tensor, draws: Tensor) -> Tensor:
    return torch.cat([numbers, draws.double()], 1)


class Items(Dataset):  # type: ignore[type-arg]  # torch 2.0's takes no type at run time
    """One sample at a time, as a loader asks for it: by its number and its draws."""

    def __init__(self, tensors: Tensors, augment: Optional[Augmentation]) -> None:
        self._inputs, self._targets = tensors.train_inputs, tensors.train_targets
        self._augment = augment

    def __len__(self) -> int:
        return len(self._inputs)

    def __getitem__(self, row: Tensor) -> Tuple[Tensor, Tensor]:
        number = int(row[0])
        sample = self._inputs[number]
        if self._augment is not None:
            sample = self._augment.apply(sample[None], row[None, 1:].float())[0]
        return sample, self._targets[number]


class Loaded:
    """poptorch.DataLoader over the same samples, one item at a time: what its host costs counts.

    In `async` mode another process loads ahead, into memory that it fills again two calls later. It
    is spawned: it imports what it is sent.
    """

    def __init__(
        self,
        poptorch: Any,  # noqa: ANN401  # a package without types
        options: Any,  # noqa: ANN401
        plan: Plan,
        items: Tuple[Items, Numbers],
        mode: str,
    ) -> None:
        modes = poptorch.DataLoaderMode
        self._importable = Importable() if mode == "async" else None
        try:
            self._loader = poptorch.DataLoader(
                options,
                items[0],
                batch_size=plan.micro_batch,
                sampler=items[1],
                drop_last=True,
                mode=modes.Sync if self._importable is None else modes.Async,
            )
        except BaseException:
            if self._importable is not None:
                self._importable.close()
            raise
        if self._loader.combinedBatchSize != plan.samples_per_call:
            raise RuntimeError(
                f"poptorch combines {self._loader.combinedBatchSize} samples into a call, not "
                f"{plan.samples_per_call}: its loader counts what this version does not know"
            )
        self._batches: Iterator[Tuple[Tensor, Tensor]] = iter(())

    def begin_epoch(self) -> None:
        """Start to load an epoch.

        The last one is read to its end first: the process that loads ahead is in this one already,
        and would give it up for yet another.
        """
        next(self._batches, None)
        self._batches = iter(self._loader)

    def fetch(self, _step: int) -> Tuple[Tensor, Tensor]:
        """Return the batch that comes next."""
        inputs, targets = next(self._batches)
        return inputs, targets

    def close(self) -> None:
        """End the loading process, where there is one."""
        if self._importable is not None:
            self._loader.terminate()
            self._importable.close()


def source(
    poptorch: Any,  # noqa: ANN401  # a package without types
    options: Any,  # noqa: ANN401
    cut: Tuple[Plan, Batches],
    data: Tuple[Tensors, Optional[Augmentation]],
    loader: str,
) -> Source:
    """Return where the batches come from."""
    (plan, batches), (tensors, augment) = cut, data
    if loader == "resident":
        return Calls(tensors, plan, batches, augment)
    draws = 0 if augment is None else augment.draws
    numbers = Numbers(len(tensors.train_inputs), plan, batches, draws)
    return Loaded(poptorch, options, plan, (Items(tensors, augment), numbers), loader)
