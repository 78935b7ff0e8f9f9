"""The energy of the timed windows: what the devices of this worker took while it trained.

A counter of the device is read at a window's edges where there is one; else its power is sampled.
"""

from __future__ import annotations

import time
from typing import Mapping, Optional

from accelbench.workers.energy_nvml import open_nvml
from accelbench.workers.energy_rapl import open_rapl
from accelbench.workers.gauge import Gauge, UnmeasuredError

UPDATES = 10
"""How often a gauge must move in a window, on average. It lags by half an update, so that a window
of ten misses at most 5 % of its energy, to an idle time before it; two edges scatter by 4 %."""


class EnergyMeter:
    """Adds up joules over timed windows; a failure to measure never ends a training.

    `open` and `close` surround each window, `finish` comes after the last. Then `joules` is the sum
    over the windows and over all devices that this worker sees, None where it was not measured:
    then `reason` says why in one line, and `source` is empty.
    """

    def __init__(self, gauge: Optional[Gauge], reason: str = "") -> None:
        self._gauge = gauge
        self._reason = reason
        self._joules = self._seconds = self._opened = 0.0
        self._windows = 0

    def open(self) -> None:
        """Begin a timed window."""
        if self._gauge is None or self._reason:
            return
        try:
            self._gauge.begin()
        except UnmeasuredError as error:
            self._reason = str(error)
        self._opened = time.perf_counter()

    def close(self) -> None:
        """End a timed window and count its energy."""
        if self._gauge is None or self._reason:
            return
        self._seconds += time.perf_counter() - self._opened
        self._windows += 1
        try:
            self._joules += self._gauge.end()
        except UnmeasuredError as error:
            self._reason = str(error)

    def finish(self) -> None:
        """Let the gauge go, once; it may take half a second to learn how often it moves."""
        if self._gauge is None:
            return
        try:
            self._gauge.finish()
        except UnmeasuredError as error:
            self._reason = self._reason or str(error)

    @property
    def joules(self) -> Optional[float]:
        """The energy of all windows in J; None where it was not, or not well enough, measured."""
        return None if self.reason else self._joules

    @property
    def source(self) -> str:
        """What measured: "nvml counter", "nvml power sampled every 0.1 s", ...; "" for nothing."""
        return "" if self.reason or self._gauge is None else self._gauge.source

    @property
    def reason(self) -> str:
        """Why there are no joules, in one line; "" where there are."""
        if self._reason or self._gauge is None:
            return self._reason
        if not self._windows:
            return "nothing was timed"
        mean, update = self._seconds / self._windows, self._gauge.update_seconds
        if mean < UPDATES * update:
            return (
                f"windows of {mean:.3f} s are too short for what moves every {update:.3f} s: "
                f"an epoch must take {UPDATES * update:.2f} s"
            )
        return ""


def open_meter(platform: str, env: Mapping[str, str]) -> EnergyMeter:
    """Return the meter of a platform ("cpu", "cuda", ...); one that only has a reason if need be.

    `env` is the worker's environment. On a GPU each rank measures those that CUDA_VISIBLE_DEVICES
    names to it; the CPU's counters are of the whole host, and of its ranks only the first, by
    LOCAL_RANK, counts them, the others zero: the ranks' joules may always be added up.
    """
    try:
        if platform == "cuda":
            return EnergyMeter(open_nvml(env.get("CUDA_VISIBLE_DEVICES")))
        if platform == "cpu":
            return EnergyMeter(open_rapl(count=env.get("LOCAL_RANK", "0") == "0"))
    except UnmeasuredError as error:
        return EnergyMeter(None, str(error))
    return EnergyMeter(None, f"no way to measure the energy of {platform} is known")
