"""Reads what a way to train declares, without importing its framework.

A way to train is one file under workers/ways. How it makes several replicas: `processes`, one
process each, which meet; `inside`, all in one process; `one`, not at all (`REPLICAS`). `PLATFORMS`
lists the platforms that it can train on; empty: any. `MODES`: how it can run a step, the first
being its usual one; each is a series of its own.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

import accelbench

Replicas = Literal["processes", "inside", "one"]


@dataclass(frozen=True)
class Way:
    """A way to train, as its file declares it."""

    name: str
    replicas: Replicas
    platforms: tuple[str, ...]
    modes: tuple[str, ...] = ("eager",)

    def refusal(self, device: str, replicas: int, platform: str) -> str | None:
        """Return why this way cannot train on a device; None where it can."""
        if self.platforms and platform not in self.platforms:
            return f"what is trained by {self.name!r} cannot use {device}: it runs on the cpu only"
        if replicas > 1 and self.replicas == "one":
            return f"what is trained by {self.name!r} has one replica: use -m cpu, not {device}"
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
        cast("tuple[str, ...]", found.get("MODES", ("eager",))),
    )


def _folder() -> Path:
    return Path(accelbench.__file__).parent / "workers" / "ways"
