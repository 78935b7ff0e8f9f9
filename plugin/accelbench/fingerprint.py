"""The fingerprint of a workload file: of its code, as every supported Python parses it."""

from __future__ import annotations

import ast
import hashlib


def code_fingerprint(tree: ast.Module) -> str:
    """Return 16 hex digits of a file's code: comments, layout and docstrings do not count.

    Nor does TIERS: what a cell trains on, for how long and with which parameters is part of its
    identity by itself, and what is gated, from which floor on, changes no training. Nor does the
    function flops_per_sample, which only counts. Where the file's code reads one of them itself, it
    does count.

    Empty fields and empty texts in f-strings are left out: some Pythons add them to the nodes of
    the same source.
    """
    body = [each for each in tree.body if not _aside(each) or _reads(tree, _aside(each))]
    code = ast.Module(body=body, type_ignores=[])
    return hashlib.sha256(_shape(code).encode()).hexdigest()[:16]


def _aside(statement: ast.stmt) -> str:
    """Return the name of what a statement defines, if that changes no training; else nothing."""
    if isinstance(statement, ast.FunctionDef):
        return statement.name if statement.name == "flops_per_sample" else ""
    if isinstance(statement, ast.AnnAssign):
        target: ast.expr = statement.target
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    else:
        return ""
    return "TIERS" if isinstance(target, ast.Name) and target.id == "TIERS" else ""


def _reads(tree: ast.Module, name: str) -> bool:
    loads = (node for node in ast.walk(tree) if isinstance(getattr(node, "ctx", None), ast.Load))
    return any(isinstance(node, ast.Name) and node.id == name for node in loads)


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
