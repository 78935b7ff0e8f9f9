"""What is measured beside the clock: foreign load and energy in the windows, and the work done."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Optional

from accelbench.records import AT_START, Pairs
from accelbench.workers.energy import EnergyMeter
from accelbench.workers.engine import Engine, Params
from accelbench.workers.host import LoadMeter


@dataclass(frozen=True)
class Meters:
    """The meters that the loop opens and closes around each timed window."""

    load: LoadMeter
    energy: EnergyMeter

    def open(self) -> None:
        """Begin a timed window."""
        self.load.open()
        self.energy.open()

    def close(self) -> None:
        """End a timed window."""
        self.energy.close()
        self.load.close()

    def treatment(self) -> Pairs:
        """Return by what the energy was measured; where it was not, why."""
        source = self.energy.source
        if source:
            return (("energy_source", source),)
        # It states durations: like a temperature, no difference from other runs to be told of.
        return ((AT_START + "energy_missing", self.energy.reason),)


@dataclass(frozen=True)
class Work:
    """The floating-point operations of one sample's training, and the devices' peak rate.

    None where the workload has no closed form, or the peak is not known; `source` says where it
    comes from.
    """

    flops_per_sample: Optional[float] = None
    peak_flops_per_second: Optional[float] = None
    source: str = ""

    def treatment(self) -> Pairs:
        """Return where the peak comes from; nothing where there is none."""
        return (("peak_source", self.source),) if self.source else ()


def work_of(engine: Engine, workload: ModuleType, params: Params) -> Work:
    """Return what a workload's closed form counts (`flops_per_sample`), and the engine's peak."""
    count = getattr(workload, "flops_per_sample", None)
    if count is None:
        return Work()
    flops = float(count(params))
    find = getattr(engine, "peak", None)
    peak = None if find is None else find(str(params.get("precision") or "float32"))
    return Work(flops) if peak is None else Work(flops, peak.flops_per_second, peak.source)
