"""How a training is cut for an IPU: what one call takes, and which step each of its losses is of.

A call of a poptorch model runs many steps on the device. Its batch is, along its first dimension,
device iterations x gradient accumulation x replicas x micro-batch; losses come back in this order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

from torch import Tensor

from accelbench.workers.engine import Params
from accelbench.workers.torch_data import Batches

MOST_ITERATIONS = 50
"""Steps of one call that is cut automatically: what the published Graphcore scripts run."""

FEWEST_ITERATIONS = 25
"""An automatic call is at least half as long, so that the host's part of it stays small."""

OUTPUT_MODES = ("all", "sum")
LOADERS = ("resident", "sync", "async")


@dataclass(frozen=True)
class Plan:
    """One call: `iterations` steps, each of `accumulation` x `replicas` micro-batches.

    `calls` of them are an epoch. `output_mode`: "all" returns the loss of every micro-batch, "sum"
    one sum a replica, of which each step of the call is given its share.
    """

    iterations: int
    accumulation: int
    replicas: int
    micro_batch: int
    calls: int
    output_mode: str = "all"

    @property
    def samples_per_step(self) -> int:
        """How many samples one update of the weights takes, over all replicas."""
        return self.accumulation * self.replicas * self.micro_batch

    @property
    def samples_per_call(self) -> int:
        """How many samples one call takes: the SDK's combined batch size."""
        return self.iterations * self.samples_per_step

    @property
    def steps(self) -> int:
        """How many steps an epoch has."""
        return self.iterations * self.calls

    def losses(self, returned: Tensor) -> List[float]:
        """Return the loss of each step of a call, given what the call returned.

        A step's loss is the mean over its micro-batches. Summed up on the device, the steps of a
        call cannot be told apart: each is given their mean.
        """
        flat = returned.double().reshape(-1)
        if self.output_mode == "all":
            values: List[float] = flat.reshape(self.iterations, -1).mean(1).tolist()
            return values
        return [float(flat.mean()) / (self.iterations * self.accumulation)] * self.iterations


def plan(options: Params, batches: Batches, steps: int) -> Plan:
    """Return how an epoch of `steps` steps is cut, by options that fit it (`poptorch_given`).

    A batch is one replica's for one update of the weights; gradient accumulation splits it. Steps
    that do not fill a call are dropped, as the SDK's loader drops their samples.
    """
    accumulation, mode = options.count("gradient_accumulation"), options.text("output_mode")
    iterations = _iterations(options.count("device_iterations"), steps)
    micro_batch = batches.batch_size // accumulation
    calls = steps // iterations
    return Plan(iterations, accumulation, batches.world, micro_batch, calls, mode)


def _iterations(wanted: int, steps: int) -> int:
    """Return the steps of a call: those wanted, or those that drop the fewest of an epoch."""
    if wanted or steps <= FEWEST_ITERATIONS:
        return wanted or steps
    most = min(MOST_ITERATIONS, steps)
    return min(range(most, FEWEST_ITERATIONS - 1, -1), key=lambda each: steps % each)
