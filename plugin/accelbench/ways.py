"""Reads what a way to train declares, without importing its framework.

A way to train is one file under workers/ways. How it makes several replicas: `processes`, one
process each, which meet; `inside`, all in one process; `one`, not at all (`REPLICAS`). `PLATFORMS`
lists the platforms that it can train on; empty: any. `MODES`: how it can run a step, each with the
platforms that it needs; the first is its usual one, each is a series of its own.

Where a platform has an SDK of its own, another way trains what is declared for the framework: `OF`
names the way whose workloads it takes. `OPTIONS` are the SDK's that a device's configuration may
set, with their defaults; `PRECISIONS` names, by platform, the precision that the SDK computes in
whatever a workload declares.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import accelbench
from accelbench.devices import Found
from accelbench.records import Options, OptionValue

Replicas = Literal["processes", "inside", "one"]


@dataclass(frozen=True)
class Way:
    """A way to train, as its file declares it; `modes` by name, with the platforms each needs."""

    name: str
    replicas: Replicas
    platforms: tuple[str, ...]
    modes: tuple[tuple[str, tuple[str, ...]], ...] = (("eager", ()),)
    of: str = ""
    defaults: Options = ()
    precisions: tuple[tuple[str, str], ...] = ()

    def refusal(self, found: Found, mode: str = "eager", hosts: int = 1) -> str | None:
        """Return why this way cannot train on a device, over so many hosts; None where it can."""
        device = found.device
        if self.platforms and found.platform not in self.platforms:
            return (
                f"what is trained by {self.name!r} runs on {' and '.join(self.platforms)} alone, "
                f"not on {device}"
            )
        if found.replicas > 1 and self.replicas == "one":
            return f"what is trained by {self.name!r} has one replica: use -m cpu, not {device}"
        if hosts > 1 and self.replicas == "inside":
            return f"what is trained by {self.name!r} is one process: it cannot use {hosts} hosts"
        modes = dict(self.modes)
        if mode not in modes:
            return f"{device} runs a step in one way: mode {mode} is for others"
        platforms = modes[mode]
        if platforms and found.platform not in platforms:
            return f"mode {mode} runs on {' and '.join(platforms)} alone, not on {device}"
        return None

    def world(self, replicas: int) -> int:
        """Return how many processes train so many replicas."""
        return replicas if self.replicas == "processes" else 1

    def options(self, given: Options) -> Options:
        """Return the SDK's options, defaults included; ValueError names the wrong one."""
        defaults = dict(self.defaults)
        for name, value in given:
            if name not in defaults:
                known = f"known: {', '.join(defaults)}" if defaults else "there are none"
                raise ValueError(f"unknown option {name!r} of {self.name}; {known}")
            defaults[name] = _typed(name, value, defaults[name])
        return tuple(sorted(defaults.items()))

    def series(self, declared: str, platform: str) -> str:
        """Return a series' name on a platform: its precision is the SDK's where that decides it."""
        precision = dict(self.precisions).get(platform)
        return declared if precision is None else f"{precision}-{declared.rpartition('-')[2]}"


def _typed(name: str, value: OptionValue, default: OptionValue) -> OptionValue:
    """Return an option's value as its default's type; ValueError."""
    if type(value) is type(default):
        return value
    if type(default) is float and type(value) is int:
        return float(value)
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    kind = wanted.get(type(default), "a list of texts")
    raise ValueError(f"option {name} must be {kind}, not {value!r}")


def names() -> list[str]:
    """Return the names of all ways to train."""
    return sorted(file.stem for file in _folder().glob("*.py") if file.stem != "__init__")


@cache
def way(name: str) -> Way:
    """Return what a way declares; KeyError names those that exist."""
    if name not in names():
        known = ", ".join(each for each in names() if not way(each).of)
        raise KeyError(f"unknown way to train {name!r} (TRAINED_BY); known: {known}")
    found: dict[str, Any] = {}
    for node in ast.parse((_folder() / f"{name}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            label = node.targets[0].id
            if label in _DECLARED:
                found[label] = ast.literal_eval(node.value)
    options = found.get("OPTIONS", {}).items()
    return Way(
        name,
        found["REPLICAS"],
        found["PLATFORMS"],
        tuple(found.get("MODES", {"eager": ()}).items()),
        found.get("OF", ""),
        tuple((key, tuple(each) if isinstance(each, list) else each) for key, each in options),
        tuple(found.get("PRECISIONS", {}).items()),
    )


_DECLARED = {"REPLICAS", "PLATFORMS", "MODES", "OF", "OPTIONS", "PRECISIONS"}


def way_on(trained_by: str, platform: str) -> Way:
    """Return the way that trains a workload on a platform: the platform's own, else the declared.

    KeyError as `way`.
    """
    for each in map(way, names()):
        if each.of == trained_by and platform in each.platforms:
            return each
    return way(trained_by)


def _folder() -> Path:
    return Path(accelbench.__file__).parent / "workers" / "ways"
