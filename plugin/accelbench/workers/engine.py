"""What a way to train offers to the loop, and what a workload file is given."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Protocol

from accelbench.records import Evaluation, Pairs, Scalar


class Params:
    """A workload's parameters by name, typed: `params.number("learning_rate")`."""

    def __init__(self, values: Mapping[str, Scalar]) -> None:
        self._values = dict(values)

    def number(self, name: str) -> float:
        """Return a parameter as a float; TypeError where it is a text."""
        value = self._values[name]
        if isinstance(value, str):
            raise TypeError(f"parameter {name} is a text: {value!r}")
        return float(value)

    def count(self, name: str) -> int:
        """Return a parameter as an int; TypeError where it is not one."""
        value = self._values[name]
        if not isinstance(value, int):
            raise TypeError(f"parameter {name} is not a count: {value!r}")
        return value

    def text(self, name: str) -> str:
        """Return a parameter as a text."""
        return str(self._values[name])

    def get(self, name: str) -> Optional[Scalar]:
        """Return a parameter as it is, or None where the workload has no such parameter."""
        return self._values.get(name)


class Engine(Protocol):
    """One training in one framework, as the loop drives it.

    `fetch(step)` returns the batch of a step of the current epoch and `update(batch)` trains on it
    and returns the loss, which stays on the device: neither may synchronise. `read_losses` turns
    the losses of an epoch into floats. `evaluate` measures on the test set.

    What an engine may have beside, and is asked for by name: `clock`, its device's own
    (`loop.DeviceClock`); `steps_per_update`, where one update makes several; `sessions`, the
    process sessions of its other ranks; `peak_memory_bytes()`; `peak(precision)`, the rate of its
    devices; `phases()`, seconds of the first step that belong to other phases, by their names;
    `only_compiles`, where the run is complete after `compile`; `evaluates_at_end`, where only the
    last epoch is followed by an evaluation; `close()`, to let its device go.
    """

    batch_size: int
    steps_per_epoch: int
    parameters: int

    def compile(self) -> None:
        """Compile what is compiled ahead of the first step."""

    def begin_epoch(self) -> None:
        """Draw the order of the epoch's batches."""

    def fetch(self, step: int) -> Any:  # noqa: ANN401  # a batch is the framework's own type
        """Return the batch of a step."""

    def update(self, batch: Any) -> Any:  # noqa: ANN401  # so are a batch and a loss
        """Train on a batch; return its loss."""

    def synchronize(self) -> None:
        """Return when all that was queued is done."""

    def read_losses(self, losses: List[Any]) -> List[float]:
        """Return an epoch's losses as floats."""
        ...

    def evaluate(self) -> Evaluation:
        """Measure on the test set."""
        ...

    def treatment(self) -> Pairs:
        """Return what of the framework may change a number."""
        ...


def resolve(defaults: Mapping[str, Scalar], explicit: Pairs) -> Params:
    """Return the parameters of a run: the workload file's defaults, then what was set."""
    values: Dict[str, Scalar] = dict(defaults)
    values.update(explicit)
    return Params(values)
