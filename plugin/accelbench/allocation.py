"""No run starts that cannot finish: when the allocation around the session ends, and estimates."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from accelbench import jobs
from accelbench.declarations import Cell
from accelbench.devices import Found
from accelbench.records import Run
from accelbench.store import Baselines


def remaining_seconds(environment: Mapping[str, str] | None = None) -> float | None:
    """Return the seconds until Slurm ends the job around this session; None without such an end.

    Slurm tells it in SLURM_JOB_END_TIME, since 23.02; an older one is asked, once.
    """
    told = os.environ if environment is None else environment
    job, end = told.get("SLURM_JOB_ID", ""), told.get("SLURM_JOB_END_TIME", "")
    if not job.isdecimal():
        return None
    until = float(end) if end.isdecimal() else jobs.end_of(job)
    return None if until is None else until - time.time()


def seconds_of(run: Run) -> float:
    """Return the wall clock of a run, without the time that it was queued."""
    return run.phases.wall_seconds - run.phases.queue


@dataclass(frozen=True)
class Estimates:
    """How long a run of a cell takes on a device: the longest stored one, or of this session."""

    baselines: Baselines
    _seen: dict[tuple[Cell, str], float] = field(default_factory=dict)

    def note(self, cell: Cell, run: Run) -> None:
        """Remember how long a run took that ended by itself."""
        if run.state.name in {"completed", "diverged"}:
            key = cell, run.spec.device
            self._seen[key] = max(self._seen.get(key, 0.0), seconds_of(run))

    def seconds(self, cell: Cell, device: Found) -> float | None:
        """Return the longest time that is known; None where none is."""
        known = [
            seconds_of(run)
            for run in self.baselines.runs(cell.workload)
            if _is_of(run, cell) and _is_on(run, device)
        ]
        known += [value for key, value in self._seen.items() if key == (cell, device.device)]
        return max(known, default=None)

    def refusal(self, cell: Cell, device: Found) -> str | None:
        """Return why a run must not start now; None where it may, or where nothing is known."""
        left = remaining_seconds()
        if left is None:
            return None
        needed = self.seconds(cell, device)
        if needed is None or needed <= left:
            return None
        return (
            f"{cell.workload} on {device.device} needs about {needed:.0f} s, and Slurm ends this "
            f"job in {max(left, 0.0):.0f} s: ask for more time (sbatch --time), or select less"
        )


def _is_of(run: Run, cell: Cell) -> bool:
    spec = run.spec
    return (spec.dataset, spec.epochs, spec.params) == (cell.dataset, cell.epochs, cell.params)


def _is_on(run: Run, device: Found) -> bool:
    return (run.spec.device, run.provenance.device_model) == (device.device, device.model)
