"""Interleaved measurements: two ways to do one thing, side by side, until their minima settle.

`python tests/perf/ratios.py` writes docs/performance.md again from what is stored.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from accelerator_figures import section

DOCS = Path(__file__).parents[2] / "docs"
NUMBERS = DOCS / "performance.json"
DOCUMENT = DOCS / "performance.md"

Burst = Callable[[], float]
"""Does the work once and returns the seconds it took."""


@dataclass(frozen=True)
class Pair:
    """The least seconds of two kinds of burst, and how many of each were made."""

    ours: float
    theirs: float
    rounds: int

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    @property
    def difference(self) -> float:
        return self.ours - self.theirs


@dataclass(frozen=True)
class Finding:
    """A measured number against its target: a ratio, a difference, or a time with a limit."""

    name: str
    value: float
    target: float
    unit: str
    rounds: int

    def __str__(self) -> str:
        mark = "within" if self.value <= self.target else "MISSES"
        return f"{self.name}: {self.value:.4g}{self.unit}, {mark} {self.target:g}{self.unit}"


def interleave(
    ours: Burst, theirs: Burst, *, seconds: float, least: int = 8, settled: int = 12
) -> Pair:
    """Alternate two bursts, which goes first alternating too, and return both minima.

    Foreign load can only add time, so a minimum is the machine's own; it is waited for until
    neither minimum has fallen by a thousandth for `settled` rounds, `seconds` at the longest.
    """
    ours(), theirs()  # caches, lazy imports, first allocations
    best = [float("inf"), float("inf")]
    end = time.monotonic() + seconds
    rounds, last_fall = 0, 0
    while rounds < least or (rounds - last_fall < settled and time.monotonic() < end):
        order = (0, 1) if rounds % 2 else (1, 0)
        for which in order:
            taken = (ours, theirs)[which]()
            if taken < best[which] * 0.999:
                last_fall = rounds
            best[which] = min(best[which], taken)
        rounds += 1
    return Pair(best[0], best[1], rounds)


def document(findings: list[Finding]) -> str:
    """Return docs/performance.md for what was found."""
    lines = [
        "# Performance",
        "",
        "What the harness costs, as ratios of minima of interleaved bursts in one run, and what a",
        "query of the history takes. Written by `tox run -e perf -- --write-performance`; do not",
        "edit.",
        "",
        "| measured | value | target | rounds |",
        "| --- | --- | --- | --- |",
        *(
            f"| {f.name} | {f.value:.4g}{f.unit} | ≤ {f.target:g}{f.unit} | {f.rounds} |"
            for f in findings
        ),
    ]
    return "\n".join(lines) + "\n\n" + section()


def write(findings: list[Finding]) -> None:
    """Write the numbers, and those of earlier runs that were not measured now; and their page."""
    known = {finding.name: finding for finding in stored()} | {f.name: f for f in findings}
    kept = sorted(known.values(), key=lambda finding: finding.name)
    content = json.dumps([asdict(f) for f in kept], indent=2, ensure_ascii=False)
    NUMBERS.write_text(content + "\n", encoding="utf-8")
    DOCUMENT.write_text(document(kept), encoding="utf-8")


def stored() -> list[Finding]:
    """Return the numbers last written."""
    return [Finding(**each) for each in json.loads(NUMBERS.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    write([])
