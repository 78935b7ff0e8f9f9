"""Reads what a way to train declares, without importing its framework.

A way to train is one file under workers/ways. How it makes several replicas: `processes`, one
process each, which meet; `inside`, all in one process; `one`, not at all (`REPLICAS`). `PLATFORMS`
lists the platforms that it can train on; empty: any. `MODES`: how it can run a step, each with the
platforms that it needs; the first is its usual one, each is a series of its own.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

import accelbench
from accelbench.devices import Found

Replicas = Literal["processes", "inside", "one"]


@dataclass(frozen=True)
class Way:
    """A way to train, as its file declares it; `modes` by name, with the platforms each needs."""

    name: str
    replicas: Replicas
    platforms: tuple[str, ...]
    modes: tuple[tuple[str, tuple[str, ...]], ...] = (("eager", ()),)

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
        platforms = dict(self.modes)[mode]
        if platforms and found.platform not in platforms:
            return f"mode {mode} runs on {' and '.join(platforms)} alone, not on {device}"
        return None

    def world(self, replicas: int) -> int:
        """Return how many processes train so many replicas."""
        return replicas if self.replicas == "processes" else 1


def names() -> list[str]:
    """Return the names of all ways to train."""
    return sorted(file.stem for file in _folder().glob("*.py") if file.stem != "__init__")


@cache
def way(name: str) -> Way:
    """Return what a way declares; KeyError names those that exist."""
    if name not in names():
        raise KeyError(f"unknown way to train {name!r} (TRAINED_BY); known: {', '.join(names())}")
    found: dict[str, object] = {}
    for node in ast.parse((_folder() / f"{name}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            label = node.targets[0].id
            if label in {"REPLICAS", "PLATFORMS", "MODES"}:
                found[label] = ast.literal_eval(node.value)
    return Way(
        name,
        cast("Replicas", found["REPLICAS"]),
        cast("tuple[str, ...]", found["PLATFORMS"]),
        tuple(cast("dict[str, tuple[str, ...]]", found.get("MODES", {"eager": ()})).items()),
    )


def _folder() -> Path:
    return Path(accelbench.__file__).parent / "workers" / "ways"
