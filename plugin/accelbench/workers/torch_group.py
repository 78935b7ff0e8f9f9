"""The ranks of one data-parallel training in torch: their group, and what they add up."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Tuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch's stubs forget it
from torch.nn.parallel import DistributedDataParallel

from accelbench.records import Job
from accelbench.workers.meeting import Meeting

LONGEST_WAIT = timedelta(days=7)
"""The session's limits end a rank that waits in vain, and say so; torch's own must not be first."""


@dataclass(frozen=True)
class Group:
    """The ranks that train together; `sessions` are the process sessions of those on this host."""

    rank: int
    world: int
    device: torch.device
    sessions: Tuple[int, ...]

    def parallel(self, model: nn.Module) -> nn.Module:
        """Return the model so that its gradients are averaged over all ranks."""
        ids: Any = None if self.device.type == "cpu" else [self.device]
        return DistributedDataParallel(model, device_ids=ids, gradient_as_bucket_view=True)

    def barrier(self) -> None:
        """Return when every rank is here."""
        # Not dist.barrier: NCCL's needs a device of its own choosing. A sum is one on any backend.
        self.summed(torch.zeros(1, device=self.device)).item()

    def summed(self, values: Tensor) -> Tensor:
        """Return the sum over all ranks, in place."""
        dist.all_reduce(values)
        return values

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over all ranks, in place."""
        return self.summed(values).div_(self.world)


def join(job: Job, device: torch.device, backend: str, meeting: Meeting) -> Group:
    """Meet the other ranks of the run; returns when all are there."""
    store = _store(job, meeting)
    dist.init_process_group(
        backend, store=store, rank=job.rank, world_size=job.world, timeout=LONGEST_WAIT
    )
    store.set(f"session-{job.rank}", f"{socket.gethostname()} {os.getsid(0)}")
    told = [store.get(f"session-{rank}").decode().split() for rank in range(job.world)]
    here = tuple(int(session) for host, session in told if host == socket.gethostname())
    return Group(job.rank, job.world, device, here)


def _store(job: Job, meeting: Meeting) -> Any:  # noqa: ANN401  # torch has no types for it
    """Return the store by which the ranks meet: rank 0's, on a port that the kernel chose."""
    if job.rank > 0:
        host, port = meeting.join()
        return TCPStore(host, port, job.world, is_master=False, timeout=LONGEST_WAIT)
    store = TCPStore(
        "localhost", 0, job.world, is_master=True, timeout=LONGEST_WAIT, wait_for_workers=False
    )
    meeting.lead(store.port)
    return store
