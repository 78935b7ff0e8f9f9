"""The worlds that the judge is proven in: what noise a machine and a training may have."""

from __future__ import annotations

from dataclasses import dataclass, replace

THROUGHPUT_METRICS = 25
ACCURACY_METRICS = 25
METRICS = THROUGHPUT_METRICS + ACCURACY_METRICS
"""Gated metrics of a night."""

UNITS = 16
CONTROL_RUNS = 6
CONTROL_SIGMA = 0.005
"""Run-to-run spread of the control workload, as measured for a small network on a quiet CPU."""

SENSITIVITY = (0.6, 1.4)
"""How strongly a test follows what the whole machine does; the control follows it one to one."""

SIGMAS = (0.01, 0.05)
"""Run-to-run spread of throughput, log-uniform between these."""
QUIET_SIGMAS = (0.001, 0.005)
"""The same on a quiet accelerator: its nights differ more than its runs."""

OUTLIER_DROP = (0.10, 0.30)
TRIALS = 10_000
TRUE_SD = (0.0003, 0.002)
"""Spread of the true accuracy between seeds; the test set's own noise comes on top."""
CHANCE = 0.1
COLLAPSED = (0.1, 0.6)


@dataclass(frozen=True)
class World:
    """One world; sds are relative (of a logarithm), rates are per run.

    `drift`: sd of the machine's AR(1) over nights (0.9), shared by tests by their sensitivity.
    `night`: sd of each test's own effect of a night. `noise`: tonight's spread against the stored
    one. `trend`: loss of speed from the start of tonight to its end. `units`: sd between 16 units,
    of which every session gets one at random; None for one unit. `reference` runs in 3 sessions,
    then `history` nights of one run each. `sigmas`: the range of the throughputs' spreads.
    """

    name: str
    drift: float = 0.0
    night: float = 0.0
    outliers: float = 0.0
    collapses: float = 0.0
    noise: float = 1.0
    trend: float = 0.0
    units: float | None = None
    reference: int = 10
    history: int = 30
    sigmas: tuple[float, float] = SIGMAS


CLEAN = World("clean")
TAILS = World("outliers and collapses", outliers=0.02, collapses=0.015)
DRIFT = World("drift", drift=0.02, night=0.005, outliers=0.02, collapses=0.015)
NOISY = replace(DRIFT, name="noise doubled tonight", noise=2.0)
TREND = replace(DRIFT, name="trend within the night", trend=0.02)
FRESH = replace(DRIFT, name="7 stored runs", reference=7, history=0)
UNITS_1 = replace(DRIFT, name="random unit of 16, sd 1 %", units=0.01)
UNITS_2 = replace(DRIFT, name="random unit of 16, sd 2.5 %", units=0.025)
QUIET = replace(DRIFT, name="quiet accelerator", sigmas=QUIET_SIGMAS)

WORLDS = (CLEAN, TAILS, DRIFT, NOISY, TREND, FRESH, UNITS_1, UNITS_2, QUIET)
