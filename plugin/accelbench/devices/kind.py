"""What a kind of device is, what finding one gives, and how a device is configured."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelbench.records import Scalar


@dataclass(frozen=True)
class DeviceConfig:
    """How a device's interpreter is started: `[tool.accelbench.device.ID]` in pyproject.toml.

    `setup` is shell text that runs first; `command` is the interpreter as an argument list, with
    any launcher in front; `env` is added to the environment.
    """

    command: tuple[str, ...] = (sys.executable,)
    setup: str = ""
    env: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_table(cls, device: str, table: Mapping[str, object]) -> DeviceConfig:
        """Return the configuration that a TOML table states; ValueError names what is wrong."""
        place = f"[tool.accelbench.device.{device}]"
        unknown = set(table) - {"command", "setup", "env"}
        if unknown:
            raise ValueError(
                f"{place}: unknown key {', '.join(sorted(unknown))}; known: command, setup, env"
            )
        command = table.get("command", [sys.executable])
        setup = table.get("setup", "")
        env = table.get("env", {})
        if not _is_texts(command) or not command:
            raise ValueError(f"{place}: command must be a list of texts, not {command!r}")
        if not isinstance(setup, str):
            raise ValueError(f"{place}: setup must be a text, not {setup!r}")
        if not isinstance(env, dict) or not _is_texts(list(env.values())):
            raise ValueError(f"{place}: env must be a table of texts, not {env!r}")
        return cls(tuple(command), setup, tuple(sorted(env.items())))  # type: ignore[arg-type]  # checked above

    def argv(self) -> tuple[str, ...]:
        """Return the argument list that starts the interpreter, `setup` included."""
        if not self.setup:
            return self.command
        return ("bash", "-c", f'{self.setup}\nexec "$@"', "accelbench", *self.command)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


@dataclass(frozen=True)
class Found:
    """A device that is there: its model, and the units of which a run on it must hold `count`.

    A unit's name is its lock's; what follows a colon is how `visibility`, an environment variable,
    names it to a worker that shall see this unit alone. `replicas` copies of the model train side
    by side. `platform` is the device's name in the frameworks: cpu, cuda, xpu, ...
    """

    device: str
    model: str
    units: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    count: int = 1
    replicas: int = 1
    platform: str = "cpu"
    visibility: str = ""

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
