"""The fingerprint of a workload file: of its code, as every supported Python parses it."""

from __future__ import annotations

import ast
import hashlib


def code_fingerprint(tree: ast.Module) -> str:
    """Return 16 hex digits of a file's code: comments, layout and docstrings do not count.

    Nor does TIERS: what a cell trains on, for how long and with which parameters is part of its
    identity by itself, and what is gated, from which floor on, changes no training. Where the
    file's code reads TIERS itself, it counts.

    Empty fields and empty texts in f-strings are left out: some Pythons add them to the nodes of
    the same source.
    """
    loads = (node for node in ast.walk(tree) if isinstance(getattr(node, "ctx", None), ast.Load))
    reads = any(isinstance(node, ast.Name) and node.id == "TIERS" for node in loads)
    body = [each for each in tree.body if reads or not _declares_tiers(each)]
    code = ast.Module(body=body, type_ignores=[])
    return hashlib.sha256(_shape(code).encode()).hexdigest()[:16]


def _declares_tiers(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.AnnAssign):
        target: ast.expr = statement.target
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    else:
        return False
    return isinstance(target, ast.Name) and target.id == "TIERS"


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
