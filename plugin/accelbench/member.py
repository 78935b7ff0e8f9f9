"""One rank of a run, as far as it was heard, and which rank holds the others up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelbench.gateway import Worker
from accelbench.records import WorkerResult

SILENT_SECONDS = 3.0
"""Three heartbeats: a rank that is not heard for so long is stopped, or holds its interpreter."""

WAITING = {
    "_engine_run_backward",
    "_new_process_group_helper",
    "_store",
    "_store_based_barrier",
    "all_reduce",
    "init_process_group",
    "join",
    "summed",
    "wait",
}
"""The functions in which a rank waits for the others, as torch's and ours are named."""


@dataclass
class Member:
    """One rank: its worker, and what it said last."""

    rank: int
    worker: Worker
    log: Path
    channel: Any = None
    phase: str = "attach"
    steps: int = 0
    where: str = ""
    heard: float = field(default_factory=time.perf_counter)
    result: WorkerResult | None = None
    failure: str = ""
    state: str = ""
    ended: bool = False

    @property
    def running(self) -> bool:
        """Whether something more is to be heard of it."""
        return self.result is None and not self.failure and not self.ended

    def described(self) -> str:
        """Say where the rank is, for a message about all of them."""
        silent = time.perf_counter() - self.heard
        told = f"rank {self.rank}: "
        if self.ended:
            return told + self.worker.exit_text()
        told += f"{self.phase}, step {self.steps}"
        told += f", in {self.where}" if self.where else ""
        return f"{told}, not heard for {silent:.0f} s" if silent > SILENT_SECONDS else told


def account(members: Sequence[Member]) -> str:
    """Say which rank held the others up, and where each is; nothing for a team of one."""
    if len(members) == 1:
        return ""
    late = _late(members)
    told = "" if late is None else f"\nrank {late.rank} holds the others up"
    return told + "".join(f"\n  {member.described()}" for member in members)


def _late(members: Sequence[Member]) -> Member | None:
    """Return the rank that the others wait for; None where nothing tells it."""
    now = time.perf_counter()
    silent = [each for each in members if now - each.heard > SILENT_SECONDS]
    fewest = min(each.steps for each in members)
    behind = [each for each in members if each.steps == fewest]
    busy = [each for each in members if each.where.partition(" ")[0] not in WAITING]
    for suspects in (silent, behind, busy):
        if len(suspects) == 1:
            return suspects[0]
    return None
