"""What a workload file declares: its parameters, and per tier the cells to train."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelbench import metrics
from accelbench.records import INLINE, Floor
from accelbench.ways import way

if TYPE_CHECKING:
    from accelbench.records import Pairs, Scalar


class DeclarationError(Exception):
    """A workload, parameter or value that does not exist or does not fit; one clear line."""


EXPECTED = ("completed", "diverged")
"""How a training may end that is not a failure by itself."""


@dataclass(frozen=True)
class Cell:
    """One point of a tier: what to train it on, for how long, and which metrics are gated.

    `floors` and `smallest_effects` by metric: absolute limits, and the smallest changes that
    matter here (points of a fraction, else relative) where they are not the metric's own. `mode`:
    how a step is run, where the way to train has several: each is a series of its own.
    """

    workload: str
    dataset: str
    epochs: int
    gates: tuple[str, ...]
    params: Pairs = ()
    expect: str = "completed"
    floors: tuple[tuple[str, Floor], ...] = ()
    smallest_effects: tuple[tuple[str, float], ...] = ()
    mode: str = "eager"

    def __post_init__(self) -> None:
        """Refuse what could only fail after the training; DeclarationError."""
        self._check_metrics("gates", self.gates)
        self._check_metrics("floors", [name for name, _ in self.floors])
        self._check_metrics("smallest_effects", [name for name, _ in self.smallest_effects])
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

    def _check_metrics(self, place: str, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in metrics.names()]
        if unknown:
            raise DeclarationError(
                f"workload {self.workload}: unknown metric {unknown[0]!r} in {place}; "
                f"known: {', '.join(metrics.names())}"
            )
        ungated = [name for name in names if name not in self.gates]
        if ungated:
            raise DeclarationError(
                f"workload {self.workload}: {place} for {ungated[0]!r}, which is not gated; "
                f"gated: {', '.join(self.gates) or 'none'}"
            )

    def limited(self, gates: Sequence[str]) -> Cell:
        """Return the cell without its limits on metrics that are not among these gates."""
        return replace(
            self,
            floors=tuple(each for each in self.floors if each[0] in gates),
            smallest_effects=tuple(each for each in self.smallest_effects if each[0] in gates),
        )

    @property
    def name(self) -> str:
        """The cell's name within its tier: the workload, then what was set explicitly."""
        mode = [] if self.mode == "eager" else [f"mode={self.mode}"]
        return "-".join([self.workload, *(f"{key}={value}" for key, value in self.params), *mode])


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

    def cell(  # noqa: PLR0913  # what a user may say of a training
        self,
        tier: str | Cell,
        *,
        dataset: str | None = None,
        epochs: int | None = None,
        gates: Sequence[str] | None = None,
        expect: str | None = None,
        mode: str | None = None,
        params: Iterable[tuple[str, object]] = (),
    ) -> Cell:
        """Return a cell as it is wanted; DeclarationError.

        What is not said comes from the tier's first cell, or from the cell that is given; where
        other gates are said, without its limits on metrics that are none of them.
        """
        base = tier if isinstance(tier, Cell) else self._first(tier)
        if gates is not None:
            base = base.limited(self._gates(gates))
        said: dict[str, Any] = {
            "dataset": dataset,
            "epochs": epochs,
            "gates": None if gates is None else self._gates(gates),
            "expect": expect,
            "mode": None if mode is None else self.mode(mode),
            "params": self.params({**dict(base.params), **dict(params)}),
        }
        return replace(base, **{key: value for key, value in said.items() if value is not None})

    def _first(self, tier: str) -> Cell:
        """Return a tier's first cell, else the smoke tier's, else one on the smallest data."""
        for cell in (*self.cells(tier), *self.cells("smoke")):
            return cell
        dataset = INLINE if self.input_size == (0, 0) else "digits"
        return Cell(self.name, dataset=dataset, epochs=1, gates=())

    def mode(self, name: str) -> str:
        """Return a mode in which this workload can be trained; DeclarationError."""
        modes = dict(way(self.trained_by).modes)
        if name not in modes:
            raise DeclarationError(
                f"workload {self.name}: mode is one of {', '.join(modes)}, not {name!r}"
            )
        return name

    def series_of(self, cell: Cell) -> str:
        """Return the name of a cell's series: its precision, then how its steps are run."""
        precision = dict(cell.params).get("precision")
        if precision is None and cell.mode == "eager":
            return self.series
        declared, _, run = self.series.rpartition("-")
        return f"{precision or declared}-{run if cell.mode == 'eager' else cell.mode}"

    def _gates(self, gates: Sequence[str]) -> tuple[str, ...]:
        # A text is a sequence too: of letters, each of which would be looked up as a metric.
        if isinstance(gates, str) or not isinstance(gates, Iterable):
            raise DeclarationError(
                f"workload {self.name}: gates must be a list of metrics, not {gates!r}"
            )
        return tuple(gates)

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
        wanted = self._out_of_range(key, value)
        if wanted is not None:
            raise DeclarationError(f"{place} {wanted}, not {value!r}")
        return value

    def _out_of_range(self, key: str, value: Scalar) -> str | None:
        """Return what a value of the right type should have been; None where it fits."""
        allowed = dict(self.choices).get(key)
        if allowed is not None and value not in allowed:
            return f"is one of {', '.join(map(str, allowed))}"
        if isinstance(value, float) and not math.isfinite(value):
            return "must be finite"
        if type(value) is int and key in _LEAST and value < _LEAST[key]:
            return f"must be {_LEAST[key]} or more"
        return None


def floors_of(workload: str, table: object) -> tuple[tuple[str, Floor], ...]:
    """Return floors by metric: a number for a soft one, (number, "strict"); DeclarationError."""
    floors = []
    for name, value in _by_metric(workload, "floors", table):
        strict = isinstance(value, list | tuple) and len(value) == 2 and value[1] == "strict"
        limit = _finite(value[0] if strict else value)  # type: ignore[index]  # a pair, if strict
        if limit is None:
            raise DeclarationError(
                f"workload {workload}: the floor of {name} must be a number, or "
                f'(number, "strict"), not {value!r}'
            )
        floors.append((name, Floor(limit, strict)))
    return tuple(floors)


def effects_of(workload: str, table: object) -> tuple[tuple[str, float], ...]:
    """Return the smallest effects by metric, each above 0; DeclarationError."""
    effects = []
    for name, value in _by_metric(workload, "smallest effects", table):
        effect = _finite(value)
        if effect is None or effect <= 0:
            raise DeclarationError(
                f"workload {workload}: the smallest effect of {name} must be a number above 0, "
                f"not {value!r}"
            )
        effects.append((name, effect))
    return tuple(effects)


def _by_metric(workload: str, what: str, table: object) -> Iterable[tuple[str, object]]:
    if not isinstance(table, Mapping):
        raise DeclarationError(
            f'workload {workload}: {what} go by metric, as in {{"accuracy": 0.5}}, not {table!r}'
        )
    return table.items()


def _finite(value: object) -> float | None:
    """Return a finite number as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


_LEAST = {"batch_size": 1, "steps": 1, "train_samples": 0}
"""The least that a whole number of this name may be; 0 training samples stand for all."""

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def suggestion(name: str, known: Mapping[str, object]) -> str:
    """Return a hint at the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""
