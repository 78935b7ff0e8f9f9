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
            raise TypeError("parameter {} is a text: {!r}".format(name, value))
        return float(value)

    def count(self, name: str) -> int:
        """Return a parameter as an int; TypeError where it is not one."""
        value = self._values[name]
        if not isinstance(value, int):
            raise TypeError("parameter {} is not a count: {!r}".format(name, value))
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
    """

    batch_size: int
    steps_per_epoch: int
    parameters: int

    def compile(self) -> None: ...
    def begin_epoch(self) -> None: ...
    def fetch(self, step: int) -> Any: ...  # noqa: ANN401  # a batch is the framework's own type
    def update(self, batch: Any) -> Any: ...  # noqa: ANN401  # so is a loss
    def synchronize(self) -> None: ...
    def read_losses(self, losses: List[Any]) -> List[float]: ...
    def evaluate(self) -> Evaluation: ...
    def treatment(self) -> Pairs: ...


def resolve(defaults: Mapping[str, Scalar], explicit: Pairs) -> Params:
    """Return the parameters of a run: the workload file's defaults, then what was set."""
    values: Dict[str, Scalar] = dict(defaults)
    values.update(explicit)
    return Params(values)
