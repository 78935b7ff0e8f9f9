"""Reads what a workload file declares, without running it.

A workload file states its framework, parameters and tiers as literals at its top level. The
session reads those from the syntax tree, so that it imports no framework and executes nothing.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import accelbench
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
                f"{_suggestion(key, defaults)}; it has: {', '.join(defaults)}"
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


def _suggestion(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def find(folder: Path, name: str) -> Declaration:
    """Return the declarations of a workload by name; DeclarationError names those that exist."""
    known = {path.stem: path for path in _files(folder)}
    if name not in known:
        listing = ", ".join(known) or f"none, for {folder} holds no workload file"
        raise DeclarationError(
            f"unknown workload {name!r}{_suggestion(name, known)}; known: {listing}"
        )
    return read(known[name])


def every(folder: Path) -> Iterator[Declaration]:
    """Yield the declarations of all workload files in a folder, by name."""
    for path in _files(folder):
        yield read(path)


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*.py") if not p.stem.startswith("_"))


@cache
def read(path: Path) -> Declaration:
    """Return what one workload file declares; DeclarationError names the file and the line."""
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except SyntaxError as error:
        raise DeclarationError(
            f"cannot read workload file {path}:{error.lineno}: {error.msg}"
        ) from None
    except (OSError, ValueError) as error:  # what is not UTF-8, or holds null bytes
        raise DeclarationError(f"cannot read workload file {path}: {error}") from None
    literals = _literals(tree, path)
    for required in ("FRAMEWORK", "TRAINED_BY", "PARAMETERS", "TIERS"):
        if required not in literals:
            raise DeclarationError(f"workload file {path} declares no {required}")
    try:
        return _declaration(path, literals, code_fingerprint(tree))
    except (TypeError, ValueError, DeclarationError) as error:
        raise DeclarationError(f"workload file {path}: {error}") from None


def _literals(tree: ast.Module, path: Path) -> dict[str, object]:
    """Return the upper-case names assigned at the top level, with their literal values."""
    found: dict[str, object] = {}
    for node in tree.body:
        target, value = _assignment(node)
        if isinstance(target, ast.Name) and value is not None:
            name = target.id
            if name in _DECLARED:
                try:
                    found[name] = ast.literal_eval(value)
                except (ValueError, TypeError):
                    raise DeclarationError(
                        f"workload file {path}:{node.lineno}: {name} must be a literal: "
                        "the session reads it without running the file"
                    ) from None
    return found


def _assignment(node: ast.stmt) -> tuple[ast.expr | None, ast.expr | None]:
    if isinstance(node, ast.Assign):
        return node.targets[0], node.value
    return (node.target, node.value) if isinstance(node, ast.AnnAssign) else (None, None)


_DECLARED = {
    "FRAMEWORK",
    "TRAINED_BY",
    "SERIES",
    "PARAMETERS",
    "CHOICES",
    "INPUT",
    "EXACT_DIGITS",
    "TIERS",
}


def _declaration(path: Path, literals: Mapping[str, object], fingerprint: str) -> Declaration:
    def table(name: str) -> dict[str, object]:
        value = literals.get(name, {})
        if not isinstance(value, dict):
            raise TypeError(f"{name} must be a dict")
        return value

    way, ways = literals["TRAINED_BY"], _ways()
    if way not in ways:
        raise ValueError(f"unknown way to train {way!r} (TRAINED_BY); known: {', '.join(ways)}")
    digits = literals.get("EXACT_DIGITS")
    bare = Declaration(
        name=path.stem,
        path=path,
        framework=str(literals["FRAMEWORK"]),
        trained_by=str(literals["TRAINED_BY"]),
        series=str(literals.get("SERIES", "float32-eager")),
        defaults=tuple((key, _scalar(value)) for key, value in table("PARAMETERS").items()),
        choices=tuple((key, tuple(value)) for key, value in table("CHOICES").items()),  # type: ignore[arg-type]  # a TypeError is reported
        input_size=_size(literals["INPUT"]) if "INPUT" in literals else (0, 0),
        exact_digits=int(digits) if isinstance(digits, int) else None,
        tiers=(),
        fingerprint=fingerprint,
    )
    tiers = tuple(
        (tier, tuple(_cell(bare, point) for point in points))  # type: ignore[attr-defined]  # a TypeError is reported
        for tier, points in table("TIERS").items()
    )
    return Declaration(**{**bare.__dict__, "tiers": tiers})


def _ways() -> list[str]:
    """Return the ways to train, without importing them: the session has no framework."""
    files = (Path(accelbench.__file__).parent / "workers" / "ways").glob("*.py")
    return sorted(file.stem for file in files if file.stem != "__init__")


def _size(value: object) -> tuple[int, int]:
    match value:
        case [int(height), int(width)] if min(height, width) > 0:
            return height, width
    raise ValueError(f"INPUT must be [height, width], two whole numbers above 0, not {value!r}")


def _scalar(value: object) -> Scalar:
    if not isinstance(value, bool | int | float | str):
        raise TypeError(f"a parameter must be a number or a text, not {value!r}")
    return value


def _cell(declaration: Declaration, point: object) -> Cell:
    if not isinstance(point, dict):
        raise TypeError(f"a point of TIERS must be a dict, not {point!r}")
    unknown = set(point) - {"dataset", "epochs", "gates", "params", "expect"}
    if unknown:
        raise ValueError(f"unknown key {', '.join(sorted(map(str, unknown)))} in TIERS")
    missing = {"dataset", "epochs", "gates"} - set(point)
    if missing:
        raise ValueError(f"a point of TIERS has no {', '.join(sorted(missing))}")
    params, gates = point.get("params", {}), point["gates"]
    if not isinstance(params, dict) or not isinstance(gates, list | tuple):
        raise TypeError("params must be a dict and gates a list, in every point of TIERS")
    return Cell(
        workload=declaration.name,
        dataset=str(point["dataset"]),
        epochs=point["epochs"],
        gates=tuple(gates),
        params=declaration.params(params),
        expect=str(point.get("expect", "completed")),
    )


def code_fingerprint(tree: ast.Module) -> str:
    """Return 16 hex digits of a file's code: comments, layout and docstrings do not count.

    Empty fields and empty texts in f-strings are left out: some Pythons add them to the nodes of
    the same source.
    """
    return hashlib.sha256(_shape(tree).encode()).hexdigest()[:16]


def _shape(node: object) -> str:
    if isinstance(node, ast.AST):
        parts = [
            f"{name}={_shape(_counted(node, name, value))}"
            for name, value in ast.iter_fields(node)
            if value is not None and value != []
        ]
        return f"{type(node).__name__}({','.join(parts)})"
    if isinstance(node, list):
        return f"[{','.join(map(_shape, node))}]"
    return repr(node)


def _counted(node: ast.AST, name: str, value: object) -> object:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if name == "body" and isinstance(node, documented) and ast.get_docstring(node) is not None:
        return node.body[1:]
    if name == "values" and isinstance(node, ast.JoinedStr):
        return [each for each in node.values if getattr(each, "value", None) != ""]
    return value
