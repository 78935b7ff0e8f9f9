"""What the worker's host offers and what else runs on it: cores, foreign load, peak memory.

Linux's own files are read; where one is missing the answer is None, never a guess.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import FrozenSet, Iterable, List, Optional

_CGROUP = Path("/sys/fs/cgroup")


def affinity() -> List[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [0]


def usable_cores() -> int:
    """Return how many cores this process may keep busy: its affinity, cut by a cgroup's quota."""
    cores = len(affinity())
    try:
        quota, period = (_CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, -(-int(quota) // int(period))))


def peak_memory_bytes() -> int:
    """Return the peak resident memory of this process in bytes (0 where it cannot be read).

    VmHWM, not getrusage: ru_maxrss survives exec, so a small worker would inherit its parent's.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _busy_seconds(cores: List[int]) -> Optional[float]:
    """Return seconds that `cores` were busy since boot, for anyone, stolen time included."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return None
    wanted = {f"cpu{core}" for core in cores}
    ticks = 0
    for line in lines:
        name, *numbers = line.split()
        if name in wanted:
            user, nice, system, _idle, _iowait, irq, softirq, *rest = map(int, numbers)
            ticks += user + nice + system + irq + softirq + (rest[0] if rest else 0)
    return ticks / os.sysconf("SC_CLK_TCK")


def _own_seconds(sessions: FrozenSet[int]) -> float:
    """Return CPU seconds of this run's processes: all of its workers' sessions, reaped ones too.

    A worker leads a session of its own, so that what it starts (loader processes) is in it.
    """
    ticks = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            ticks += _ticks_in_sessions(folder / "stat", sessions)
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks_in_sessions(stat: Path, sessions: FrozenSet[int]) -> int:
    """Return a process's user and system ticks, its reaped children's included; 0 if foreign."""
    try:
        # The name in parentheses may hold anything: what follows the last one is numbers.
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15])) if int(fields[3]) in sessions else 0


def _throttled_seconds() -> float:
    try:
        for line in (_CGROUP / "cpu.stat").read_text().splitlines():
            name, value = line.split()
            if name == "throttled_usec":
                return int(value) * 1e-6
    except (OSError, ValueError):
        pass
    return 0.0


@dataclass(frozen=True)
class _Snapshot:
    wall: float
    busy: Optional[float]
    own: float
    throttled: float


class LoadMeter:
    """Adds up, over timed windows, the CPU time that other processes took from our cores.

    `sessions`: the process sessions of the run's other workers on this host.
    """

    def __init__(self, sessions: Iterable[int] = ()) -> None:
        self._cores = affinity()
        self._sessions = frozenset({os.getsid(0), *sessions})
        self._wall = self._foreign = 0.0
        self._known = True
        self.throttled_seconds = 0.0
        self._start = self._snapshot()

    def _snapshot(self) -> _Snapshot:
        return _Snapshot(
            time.perf_counter(),
            _busy_seconds(self._cores),
            _own_seconds(self._sessions),
            _throttled_seconds(),
        )

    def open(self) -> None:
        """Begin a timed window."""
        self._start = self._snapshot()

    def close(self) -> None:
        """End a timed window and count what was not ours in it."""
        start, end = self._start, self._snapshot()
        self._wall += end.wall - start.wall
        self.throttled_seconds += end.throttled - start.throttled
        if start.busy is None or end.busy is None:
            self._known = False
            return
        # Both clocks tick in hundredths of a second: a negative rest is rounding.
        self._foreign += (end.busy - start.busy) - (end.own - start.own)

    @property
    def foreign_cores(self) -> Optional[float]:
        """Cores' worth of foreign load on average; None where the host does not tell.

        Windows that sum to less than ten clock ticks cannot be resolved: None as well.
        """
        if not self._known or self._wall < 10 / os.sysconf("SC_CLK_TCK"):
            return None
        ticks = len(self._cores) / os.sysconf("SC_CLK_TCK")
        return max(0.0, self._foreign - ticks) / self._wall
