"""What a kind of device is, and what finding one gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelbench.interpreter import DeviceConfig

if TYPE_CHECKING:
    from accelbench.records import Scalar

__all__ = ["ON_THE_HOST", "DeviceConfig", "DeviceKind", "Found", "Unavailable"]

ON_THE_HOST = ("computes_on", "host")
"""The fact of a device that computes on its host's cores: what else runs there disturbs it."""


@dataclass(frozen=True)
class Found:
    """A device that is there: its model, and the units of which a run on it must hold `count`.

    A unit's name is its lock's; what follows a colon is how `visibility`, an environment variable,
    names it to a worker that shall see this unit alone. `replicas` copies of the model train side
    by side. `platform` is the device's name in the frameworks: cpu, cuda, xpu, ... A device that
    `measures` nothing only checks whether a training can be compiled for it. `cancel` is an
    argument list that ends what a run has left outside its processes (jobs on a cluster); `{run}`
    in it stands for the run's id.
    """

    device: str
    model: str
    units: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    count: int = 1
    replicas: int = 1
    platform: str = "cpu"
    visibility: str = ""
    measures: bool = True
    cancel: tuple[str, ...] = ()

    def seen(self, units: Sequence[str]) -> dict[str, str]:
        """Return the environment that shows a worker these units and no other."""
        if not self.visibility:
            return {}
        return {self.visibility: ",".join(unit.partition(":")[2] for unit in units)}


@dataclass(frozen=True)
class Unavailable:
    """A device that cannot be used here, and why, in its own words."""

    device: str
    reason: str


@dataclass(frozen=True)
class DeviceKind:
    """A kind of device: the ids it offers by default, the ids it knows, how it is found.

    `find(device, config)` may start a short process, but no training and no job. `group` is a
    marker that all ids of the kind carry beside their own. `facts(units)` tells of held units, just
    before they train, what belongs into the run's treatment.
    """

    name: str
    ids: tuple[str, ...]
    pattern: str
    find: Callable[[str, DeviceConfig], Found | Unavailable]
    group: str | None = None
    facts: Callable[[tuple[str, ...]], tuple[tuple[str, Scalar], ...]] | None = None

    def knows(self, device: str) -> bool:
        """Tell whether `device` is an id of this kind."""
        return re.fullmatch(self.pattern, device) is not None

    def marks(self, device: str) -> tuple[str, ...]:
        """Return the markers of an id: exactly the id, and the group's where there is one."""
        return (device,) if self.group is None else (device, self.group)
