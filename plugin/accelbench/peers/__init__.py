"""Peers: the rules of other tools, one file each, found by listing this folder.

They are here to be compared with, on the same numbers; nothing is judged by them.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from accelbench.peers.rule import Rule

__all__ = ["Rule", "names", "rule"]


@cache
def names() -> tuple[str, ...]:
    """Return the names of all rules, without importing them."""
    files = Path(__file__).parent.glob("*.py")
    return tuple(sorted(f.stem for f in files if f.stem not in {"__init__", "rule"}))


@cache
def rule(name: str) -> Rule:
    """Return a rule by its name; KeyError names those that exist."""
    if name not in names():
        raise KeyError(f"unknown rule {name!r}; known: {', '.join(names())}")
    found: Rule = importlib.import_module(f"accelbench.peers.{name}").RULE
    return found
