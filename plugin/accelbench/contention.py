"""Whether other processes disturbed a run: then its timings are void."""

from __future__ import annotations

from accelbench.records import Run

FOREIGN_CPU_CORES = 0.10
"""Foreign load, in cores, above which a host's timings are void. One busy process beside a
two-thread step makes it five times slower; a tenth of a core stays below the run-to-run noise."""

MESSAGE = (
    f"other processes used over {FOREIGN_CPU_CORES} cores while it was timed: "
    "run again on a quiet host"
)


def contended(run: Run) -> bool:
    """Tell whether other processes took so much of the run's cores that its timings are void."""
    return (run.counters.foreign_cpu_cores or 0.0) > FOREIGN_CPU_CORES
