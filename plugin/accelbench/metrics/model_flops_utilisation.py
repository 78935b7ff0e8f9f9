"""model_flops_utilisation: the model's own operations a second, as a share of the device's peak."""

from __future__ import annotations

from accelbench.metrics import throughput
from accelbench.metrics.metric import Metric
from accelbench.records import Reading, Run


def read(run: Run) -> Reading | None:
    """Return throughput x operations a sample / peak; None where one of them is not known.

    The operations are those of the workload's closed form (`accelbench.workers.flops`), the peak is
    of all devices of the run together. A measured peak can lie below what a training reaches.
    """
    counters, speed = run.counters, throughput.read(run)
    if speed is None or not counters.flops_per_sample or not counters.peak_flops_per_second:
        return None
    return Reading(speed.value * counters.flops_per_sample / counters.peak_flops_per_second)


# On a log scale like the speed that it is made of: the share of a measured peak may exceed 1.
METRIC = Metric("model_flops_utilisation", "fraction", "higher", "device", "log", read, 0.02)
