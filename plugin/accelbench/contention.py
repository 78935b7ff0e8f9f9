"""Whether other processes disturbed a run: then its timings are void."""

from __future__ import annotations

from accelbench.devices.kind import ON_THE_HOST
from accelbench.records import AT_START, Run

FOREIGN_CPU_CORES = 0.10
"""Foreign load, in cores, above which a host's timings are void. One busy process beside a
two-thread step makes it five times slower; a tenth of a core stays below the run-to-run noise."""

FOREIGN_SHARE = 0.5
"""Share of the host's cores above which foreign load voids an accelerator's timings: one thread
feeds it, which finds a core of its own until then."""

IN_USE = "in use by"
"""How the owner of a unit reads on which another process computes, just before the run."""


def contention(run: Run) -> str | None:
    """Return why a run's timings are void, as others used its device; None where they stand."""
    known = dict(run.provenance.treatment)
    owner = str(known.get(f"{AT_START}gpu_owner", ""))
    if owner.startswith(IN_USE):
        return f"the GPU was {owner}: run again when it is free"
    foreign = run.counters.foreign_cpu_cores or 0.0
    name, fact = ON_THE_HOST
    on_cpu = run.spec.device.partition("-")[0] == "cpu" or known.get(name) == fact
    allowed = FOREIGN_CPU_CORES if on_cpu else FOREIGN_SHARE * float(known.get("cores", 1))
    if foreign <= allowed:
        return None
    return (
        f"other processes used over {allowed:.3g} cores while it was timed: "
        "run again on a quiet host"
    )


def contended(run: Run) -> bool:
    """Tell whether other processes took so much of the run's device that its timings are void."""
    return contention(run) is not None
