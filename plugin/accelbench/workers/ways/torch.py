"""Trains a PyTorch workload, its data resident on the device; several ranks average gradients."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Callable, List, Optional, Tuple

import torch
from torch import Tensor

from accelbench.records import Evaluation, Job, Pairs
from accelbench.workers import host, torch_group, torch_job
from accelbench.workers.engine import Params
from accelbench.workers.meeting import Meeting
from accelbench.workers.peak import Peak, peak_flops_per_second
from accelbench.workers.torch_data import Batches, Feed, resident
from accelbench.workers.torch_device import TorchDevice, open_device
from accelbench.workers.torch_group import Group
from accelbench.workers.torch_steps import EagerStep, step_function
from accelbench.workers.workload import Training

__all__ = ["MODES", "PLATFORMS", "REPLICAS", "Batches", "Feed", "TorchEngine", "resident", "start"]

REPLICAS = "processes"
PLATFORMS = ()
MODES = {"eager": (), "compile": ("cpu", "cuda", "mps", "xpu"), "graph": ("cuda",)}


def start(
    job: Job,
    workload: ModuleType,
    params: Params,
    enter: Callable[[str], None],
    meeting: Optional[Meeting] = None,
) -> TorchEngine:
    """Build the model, move the data to the device once, and return what the loop drives.

    `enter` is told when the data phase begins: building the model counts with the imports, which
    torch makes part of (the first optimizer imports its compiler). With a `meeting` this is one of
    several ranks: they start from the same weights and train on different samples.
    """
    torch.set_num_threads(max(1, host.usable_cores() // _ranks_here(job)))
    place = open_device(job.platform, int(os.environ.get("LOCAL_RANK", "0")))
    place.set_current()
    training = torch_job.built(job, workload, params)
    training.model.to(device=place.device, memory_format=training.memory_format)  # type: ignore[call-overload]  # torch's overloads lack this pair
    optimizer = training.optimizer(training.model.parameters())
    group = None
    model = training.model
    if meeting is not None:
        group = torch_group.join(job, place.device, place.backend, meeting)
        model = group.parallel(model)
        torch.manual_seed(job.spec.seed + (job.rank << 32))  # each rank drops out on its own
    enter("data")
    tensors = torch_job.tensors_of(job, workload, params)
    feed = Feed(tensors, place.device, _batches(job, training, params), training.augment)
    step = step_function(model, training.loss, optimizer, _mode(job), place.device)
    return TorchEngine(training, step, feed, place, group)


def _mode(job: Job) -> str:
    """Return how the series runs its steps: what it ends in, where that is a mode."""
    last = job.spec.series.rpartition("-")[2]
    return last if last in MODES else "eager"


def _ranks_here(job: Job) -> int:
    """Return how many ranks share this host's cores."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", job.world))


def _batches(job: Job, training: Training, params: Params) -> Batches:
    return Batches(
        params.count("batch_size"),
        job.spec.seed,
        training.shuffles,
        training.steps_per_epoch,
        job.rank,
        job.world,
    )


class TorchEngine:
    """One training, or one rank of it, as the loop drives it.

    `sessions`: the process sessions of the other ranks on this host, whose load is not foreign.
    """

    def __init__(
        self,
        training: Training,
        step: EagerStep,
        feed: Feed,
        place: TorchDevice,
        group: Optional[Group],
    ) -> None:
        self._training = training
        self._module = training.model
        self._step = step
        self._feed = feed
        self._place = place
        self._group = group
        self._test = feed.test
        self.begin_epoch = feed.begin_epoch
        self.fetch = feed.fetch
        self.clock = place.clock
        self.batch_size = feed.samples_per_step
        self.steps_per_epoch = feed.steps_per_epoch
        self.parameters = sum(p.numel() for p in self._module.parameters() if p.requires_grad)
        self.sessions = () if group is None else group.sessions
        self._module.train()

    def compile(self) -> None:
        """Compile or capture the step, where the series does; no trace of it is left."""
        self._step.compile(*self._feed.sample())
        self._place.reset_peak_memory()

    def update(self, batch: Tuple[Tensor, Tensor]) -> Tensor:
        """Train on a batch; return its loss, still on the device."""
        return self._step(*batch)

    def synchronize(self) -> None:
        """Return when this device has done all that was queued, and every rank is here."""
        self._place.synchronize()
        if self._group is not None:
            self._group.barrier()

    def read_losses(self, losses: List[Tensor]) -> List[float]:
        """Return the losses of an epoch as floats, with one transfer; of all ranks, the means."""
        stacked = torch.stack(losses)
        if self._group is not None:
            stacked = self._group.mean(stacked)
        values: List[float] = stacked.tolist()
        return values

    @torch.no_grad()
    def evaluate(self) -> Evaluation:
        """Return loss and accuracy on the test set, in evaluation mode (no dropout).

        Several ranks share the test set between them.
        """
        self._module.eval()
        inputs, targets = self._test
        size = self._training.test_batch
        total = torch.zeros(2, dtype=torch.float64)  # of losses, and of correct answers
        batches = [*zip(torch.split(inputs, size), torch.split(targets, size))]
        for batch, expected in self._share(batches):
            outputs = self._module(batch)
            weight = len(batch) if self._training.classifies else 1
            total[0] += self._training.loss(outputs, expected).double().cpu() * weight
            if self._training.classifies:
                total[1] += int((outputs.argmax(1) == expected).sum())
        if self._group is not None:
            total = self._group.summed(total.to(self._place.device)).cpu()
        self._module.train()
        loss, correct = total.tolist()
        return torch_job.evaluation(self._training, loss, correct, len(inputs))

    def _share(self, batches: List[Tuple[Tensor, Tensor]]) -> List[Tuple[Tensor, Tensor]]:
        return batches if self._group is None else batches[self._group.rank :: self._group.world]

    def peak_memory_bytes(self) -> int:
        """Return the most bytes that the device's allocator held; on a cpu, that were resident."""
        return self._place.peak_memory_bytes()

    def peak(self, precision: str) -> Optional[Peak]:
        """Return the rate at which all ranks' devices could multiply; None where it is unknown."""
        replicas = 1 if self._group is None else self._group.world
        return peak_flops_per_second(
            self._place.device, precision, replicas, self._place.synchronize
        )

    def treatment(self) -> Pairs:
        """Return what of this framework may change a number."""
        own: Pairs = (
            ("framework_version", str(torch.__version__)),
            ("threads", torch.get_num_threads()),
        )
        backend: Pairs = () if self._group is None else (("backend", self._place.backend),)
        return (*own, *backend, *self._place.treatment())
