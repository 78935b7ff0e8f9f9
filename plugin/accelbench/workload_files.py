"""Reads what a workload file declares, without running it, and finds the files by listing.

A workload file states its framework, parameters and tiers as literals at its top level. The
session reads those from the syntax tree, so that it imports no framework and executes nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from accelbench import ways
from accelbench.declarations import (
    Cell,
    Declaration,
    DeclarationError,
    effects_of,
    floors_of,
    suggestion,
)
from accelbench.fingerprint import code_fingerprint
from accelbench.tiers import TIERS

if TYPE_CHECKING:
    from accelbench.records import Scalar


def find(folder: Path, name: str) -> Declaration:
    """Return the declarations of a workload by name; DeclarationError names those that exist."""
    known = {path.stem: path for path in _files(folder)}
    if name not in known:
        listing = ", ".join(known) or f"none, for {folder} holds no workload file"
        raise DeclarationError(
            f"unknown workload {name!r}{suggestion(name, known)}; known: {listing}"
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
    defaults = _defaults(_table(literals, "PARAMETERS"))
    bare = Declaration(
        name=path.stem,
        path=path,
        framework=_framework(literals["FRAMEWORK"]),
        trained_by=_way(literals["TRAINED_BY"]),
        series=str(literals.get("SERIES", "float32-eager")),
        defaults=tuple(defaults.items()),
        choices=tuple(_choices(_table(literals, "CHOICES"), defaults)),
        input_size=_size(literals["INPUT"]) if "INPUT" in literals else (0, 0),
        exact_digits=_digits(literals["EXACT_DIGITS"]) if "EXACT_DIGITS" in literals else None,
        tiers=(),
        fingerprint=fingerprint,
    )
    bare.params(defaults)  # a default must be a value that a user could give
    return replace(bare, tiers=tuple(_tiers(bare, _table(literals, "TIERS"))))


def _table(literals: Mapping[str, object], name: str) -> dict[str, object]:
    value = literals.get(name, {})
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict")
    return value


def _framework(name: object) -> str:
    if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"FRAMEWORK must be the name of a module to import, not {name!r}")
    return name


def _way(name: object) -> str:
    try:
        found = ways.way(str(name))
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    if found.of:  # a device chooses it, not a workload
        raise ValueError(f"TRAINED_BY must be {found.of!r}: {name} trains that on its own devices")
    return found.name


def _size(value: object) -> tuple[int, int]:
    match value:
        case [int(height), int(width)] if min(height, width) > 0:
            return height, width
    raise ValueError(f"INPUT must be [height, width], two whole numbers above 0, not {value!r}")


def _digits(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"EXACT_DIGITS must be a whole number, 1 or more, not {value!r}")
    return value


_TAKEN = ("workload", "dataset", "epochs", "gates", "expect", "mode", "on", "seed")
"""What train() itself takes by these names: a parameter of the same name could not be set."""


def _defaults(table: Mapping[str, object]) -> dict[str, Scalar]:
    """Return PARAMETERS, checked."""
    defaults = {}
    for key, value in table.items():
        if key in _TAKEN:
            raise ValueError(f"a parameter cannot be named {key!r}, which train() takes itself")
        defaults[key] = _scalar(value)
    if type(defaults.get("batch_size")) is not int:
        raise ValueError('PARAMETERS must have a "batch_size", a whole number')
    return defaults


def _scalar(value: object) -> Scalar:
    if not isinstance(value, bool | int | float | str):
        raise TypeError(f"a parameter must be a number or a text, not {value!r}")
    return value


def _choices(
    table: Mapping[str, object], defaults: Mapping[str, Scalar]
) -> Iterator[tuple[str, tuple[Scalar, ...]]]:
    """Yield CHOICES, checked."""
    for key, values in table.items():
        if key not in defaults:
            hint = suggestion(str(key), defaults)
            raise ValueError(f"CHOICES for {key!r}{hint}, which PARAMETERS does not have")
        if not isinstance(values, list | tuple):
            raise TypeError(f"CHOICES of {key} must be a list, not {values!r}")
        yield key, tuple(values)


def _tiers(
    declaration: Declaration, table: Mapping[str, object]
) -> Iterator[tuple[str, tuple[Cell, ...]]]:
    """Yield TIERS, checked."""
    for tier, points in table.items():
        if tier not in TIERS:
            hint = suggestion(str(tier), dict.fromkeys(TIERS))
            raise ValueError(f"unknown tier {tier!r}{hint} in TIERS; known: {', '.join(TIERS)}")
        if not isinstance(points, list | tuple):
            raise TypeError(f"tier {tier} of TIERS must be a list, not {points!r}")
        yield tier, tuple(_cell(declaration, point) for point in points)


def _cell(declaration: Declaration, point: object) -> Cell:
    if not isinstance(point, dict):
        raise TypeError(f"a point of TIERS must be a dict, not {point!r}")
    unknown = set(point) - _KEYS
    if unknown:
        raise ValueError(f"unknown key {', '.join(sorted(map(str, unknown)))} in TIERS")
    missing = {"dataset", "epochs", "gates"} - set(point)
    if missing:
        raise ValueError(f"a point of TIERS has no {', '.join(sorted(missing))}")
    params, gates = point.get("params", {}), point["gates"]
    floors, effects = point.get("floors", {}), point.get("smallest_effects", {})
    if not isinstance(gates, list | tuple):
        raise TypeError("gates must be a list, in every point of TIERS")
    if not all(isinstance(each, dict) for each in (params, floors, effects)):
        raise TypeError("params, floors and smallest_effects must be dicts in TIERS")
    return Cell(
        workload=declaration.name,
        dataset=str(point["dataset"]),
        epochs=point["epochs"],
        gates=tuple(gates),
        params=declaration.params(params),
        expect=str(point.get("expect", "completed")),
        floors=floors_of(declaration.name, floors),
        smallest_effects=effects_of(declaration.name, effects),
        mode=declaration.mode(str(point.get("mode", "eager"))),
    )


_KEYS = {"dataset", "epochs", "gates", "params", "expect", "floors", "smallest_effects", "mode"}
"""What a point of TIERS may hold."""
