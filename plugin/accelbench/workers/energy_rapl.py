"""The CPU's energy: the package counters (RAPL) that Linux shows under /sys/class/powercap.

AMD's processors are shown under Intel's name too. Many systems let root alone read them, for they
tell too much about other programs (CVE-2020-8694). They count whatever runs on the packages.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import List, Sequence

from accelbench.workers.gauge import Gauge, UnmeasuredError

POWERCAP = Path("/sys/class/powercap")

# More than any package draws: a window in which it could wrap twice cannot be counted.
_MOST_WATTS = 1000.0


class RaplGauge:
    """Adds up the packages' counters, which begin again at zero after their range."""

    source = "rapl packages"
    update_seconds = 0.001

    def __init__(self, packages: Sequence[Path]) -> None:
        self._packages = packages
        self._ranges = [_number(each / "max_energy_range_uj") for each in packages]
        self._start = self._read()
        self._opened = time.perf_counter()

    def _read(self) -> List[int]:
        return [_number(package / "energy_uj") for package in self._packages]

    def begin(self) -> None:
        """Begin a window."""
        self._start, self._opened = self._read(), time.perf_counter()

    def end(self) -> float:
        """End the window; UnmeasuredError where a counter may have wrapped more than once."""
        seconds = time.perf_counter() - self._opened
        if any(seconds * _MOST_WATTS > 1e-6 * each for each in self._ranges):
            raise UnmeasuredError(f"an epoch of {seconds:.0f} s is longer than RAPL can count")
        moved = zip(self._start, self._read(), self._ranges)
        return 1e-6 * sum(b - a if b >= a else b - a + full for a, b, full in moved)

    def finish(self) -> None:
        """Nothing is held."""


class CountedElsewhere:
    """The gauge of a rank whose host another rank measures."""

    source = "counted by the first rank of the host"
    update_seconds = 0.0

    def begin(self) -> None:
        """Nothing is read."""

    def end(self) -> float:
        """Return no energy."""
        return 0.0

    def finish(self) -> None:
        """Nothing is held."""


def open_rapl(*, count: bool) -> Gauge:
    """Return the gauge of this host's packages; without `count`, one that leaves them to others."""
    packages = [
        folder
        for folder in sorted(POWERCAP.glob("intel-rapl:*"))
        # Its parts (core, dram) are shown too, and "psys", which holds more than the packages.
        if _name(folder).startswith("package")
    ]
    if not packages:
        raise UnmeasuredError(f"this host shows no RAPL counter: {POWERCAP} has no intel-rapl")
    gauge = RaplGauge(packages)
    return gauge if count else CountedElsewhere()


def _name(folder: Path) -> str:
    try:
        return (folder / "name").read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError) as error:
        raise UnmeasuredError(f"RAPL cannot be read: {error}") from None
