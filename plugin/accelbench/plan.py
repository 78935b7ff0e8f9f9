"""How the ranks of one run are started: each with its command, its units, its environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accelbench import slurm
from accelbench.devices import DeviceConfig, Found
from accelbench.interpreter import Interpreter
from accelbench.lease import Lease
from accelbench.workers.watchdog import RUN_VARIABLE


@dataclass(frozen=True)
class Plan:
    """How the ranks of a run are started: where, with which environment, on which held units."""

    device: Found
    config: DeviceConfig
    held: Lease
    log: Path
    run_id: str

    def interpreter(self, rank: int, world: int) -> Interpreter:
        """Return how a rank's interpreter is started, and on which host."""
        return self.config.interpreter(rank, world)

    def local(self, world: int) -> bool:
        """Tell whether all ranks run on one host, be it this one or another."""
        return len(set(self.config.hosts(world))) == 1

    @property
    def allocates(self) -> bool:
        """Whether each rank is a job of its own that Slurm finds a place for."""
        return slurm.allocates(self.config.command, os.environ)

    def cancels(self) -> tuple[tuple[str, ...], ...]:
        """Return the commands that cancel what a run leaves on a cluster."""
        words = tuple(word.replace("{run}", self.run_id) for word in self.device.cancel)
        return (words,) if words else ()

    def environment(self, rank: int, world: int) -> dict[str, str]:
        """Return what is added to a rank's environment."""
        # A job of its own sees the units that Slurm gave it, and only those.
        seen = {} if self.allocates else self.device.seen(self.units(rank, world))
        ranks = {}
        if world > 1:
            # Where a rank sees its own device only, that is the first of those that it sees.
            alone = self.allocates or (seen and len(self.held.units) >= world)
            number = 0 if alone else self.config.local_rank(rank, world)
            ranks = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": number}
        numbers = {name: str(value) for name, value in ranks.items()}
        # Found by the host's own name otherwise, which a container need not resolve.
        usual = {"GLOO_SOCKET_IFNAME": "lo"} if world > 1 and self.local(world) else {}
        chosen = self.config.environment(rank, world)
        # What limits the visible devices was chosen among when they were found: the lease decides.
        return {**usual, **chosen, **seen, **numbers, RUN_VARIABLE: self.run_id}

    def units(self, rank: int, world: int) -> Sequence[str]:
        """Return the units of a rank: its own ones, or all where there are fewer than ranks."""
        each = len(self.held.units) // world
        return self.held.units[rank * each : (rank + 1) * each] if each else self.held.units
