"""What a workload file declares: its parameters, and per tier the cells to train."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelbench import metrics

if TYPE_CHECKING:
    from accelbench.records import Pairs, Scalar


class DeclarationError(Exception):
    """A workload, parameter or value that does not exist or does not fit; one clear line."""


EXPECTED = ("completed", "diverged")
"""How a training may end that is not a failure by itself."""


@dataclass(frozen=True)
class Cell:
    """One point of a tier: what to train it on, for how long, and which metrics are gated."""

    workload: str
    dataset: str
    epochs: int
    gates: tuple[str, ...]
    params: Pairs = ()
    expect: str = "completed"

    def __post_init__(self) -> None:
        """Refuse what could only fail after the training; DeclarationError."""
        unknown = [name for name in self.gates if name not in metrics.names()]
        if unknown:
            raise DeclarationError(
                f"workload {self.workload}: unknown metric {unknown[0]!r} in gates; "
                f"known: {', '.join(metrics.names())}"
            )
        if type(self.epochs) is not int or self.epochs < 1:
            raise DeclarationError(
                f"workload {self.workload}: epochs must be a whole number, 1 or more, "
                f"not {self.epochs!r}"
            )
        if self.expect not in EXPECTED:
            raise DeclarationError(
                f"workload {self.workload}: expect is one of {', '.join(EXPECTED)}, "
                f"not {self.expect!r}"
            )

    @property
    def name(self) -> str:
        """The cell's name within its tier: the workload, then what was set explicitly."""
        return "-".join([self.workload, *(f"{key}={value}" for key, value in self.params)])


@dataclass(frozen=True)
class Declaration:
    """A workload file's declarations; `fingerprint` is of its code, without its comments."""

    name: str
    path: Path
    framework: str
    trained_by: str
    series: str
    defaults: Pairs
    choices: tuple[tuple[str, tuple[Scalar, ...]], ...]
    input_size: tuple[int, int]
    exact_digits: int | None
    tiers: tuple[tuple[str, tuple[Cell, ...]], ...]
    fingerprint: str

    def cells(self, tier: str) -> tuple[Cell, ...]:
        """Return the cells of a tier; none where the workload has no such tier."""
        return dict(self.tiers).get(tier, ())

    def params(self, values: Mapping[str, object]) -> Pairs:
        """Return explicit parameters, checked and typed, sorted by name; DeclarationError."""
        return tuple(sorted((key, self._checked(key, value)) for key, value in values.items()))

    def parsed(self, settings: Mapping[str, str]) -> Pairs:
        """Return parameters given as texts on a command line; DeclarationError."""
        return self.params({key: self._parsed(key, text) for key, text in settings.items()})

    def _default(self, key: str) -> Scalar:
        defaults = dict(self.defaults)
        if key not in defaults:
            raise DeclarationError(
                f"workload {self.name} has no parameter {key!r}"
                f"{suggestion(key, defaults)}; it has: {', '.join(defaults)}"
            )
        return defaults[key]

    def _parsed(self, key: str, text: str) -> object:
        default = self._default(key)
        if isinstance(default, bool):
            return {"true": True, "false": False}.get(text.lower(), text)
        for kind in (int, float):
            if isinstance(default, (int, float)):
                try:
                    return kind(text)
                except ValueError:
                    continue
        return text

    def _checked(self, key: str, value: object) -> Scalar:
        default = self._default(key)
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        place = f"parameter {key} of workload {self.name}"
        if not isinstance(value, bool | int | float | str) or type(value) is not type(default):
            raise DeclarationError(
                f"{place} takes {_KINDS[type(default)]} such as {default!r}, not {value!r}"
            )
        allowed = dict(self.choices).get(key)
        if allowed is not None and value not in allowed:
            raise DeclarationError(
                f"{place} is one of {', '.join(map(str, allowed))}, not {value!r}"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise DeclarationError(f"{place} must be finite, not {value!r}")
        if key == "batch_size" and isinstance(value, int) and value < 1:
            raise DeclarationError(f"{place} must be 1 or more, not {value}")
        return value


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def suggestion(name: str, known: Mapping[str, object]) -> str:
    """Return a hint at the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""
