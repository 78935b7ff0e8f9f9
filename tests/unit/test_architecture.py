"""Imports point one way, and slow or foreign packages are imported only where they may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import accelbench

PACKAGE = Path(accelbench.__file__).parent
BENCH = Path(__file__).parents[2] / "bench"

# From the ground up: a module may import its own layer and those above it in this list.
LAYERS: list[set[str]] = [
    {"accelbench"},
    {"records", "tiers", "levels"},
    {"codec", "nvml"},
    {"workers"},
    {"interpreter", "boot", "slurm"},
    {"jobs"},
    {"asking", "question"},
    {"data", "devices", "metrics", "peers"},
    {"declarations", "fingerprint", "ways"},
    {"device_options", "workload_files"},
    {"verdict"},
    {"store"},
    {"cases", "contention", "trajectories"},
    {"wording"},
    {"agreement", "scaling"},
    {"offline"},
    {"verify"},
    {"dispatch", "lockfiles"},
    {"tickets"},
    {"parcel", "processes"},
    {"runlog"},
    {"startup"},
    {"lease", "gateway", "limits", "seeds", "settings"},
    {"progress"},
    {"following"},
    {"plan", "member"},
    {"team"},
    {"launch"},
    {"trainer", "check"},
    {"options"},
    {"updating"},
    {"session"},
    {"report"},
    {"allocation"},
    {"context"},
    {"trained"},
    {"training"},
    {"fixtures"},
    {"benchmark_records", "distribution"},
    {"schedule"},
    {"plugin"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

# Inside a layer of several packages none knows of another: they stand side by side.
STRANGERS = [next(layer for layer in LAYERS if "devices" in layer)]

PYTEST = {
    "plugin",
    "options",
    "fixtures",
    "context",
    "trained",
    "training",
    "benchmark_records",
    "distribution",
    "schedule",
}
FRAMEWORKS = {"torch", "torchvision", "tensorflow"}


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def unit(path: Path) -> str:
    """Return the layer's name of a file: the part below the package."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "accelbench" if first == "__init__" else first


def imports(path: Path, *, typing: bool = True) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every module that a file imports, with the functions around it.

    `typing` includes what only type checkers see.
    """

    def walk(node: ast.AST, around: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield from ((module, around) for module in modules(node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            around = (*around, node.name)
        for child in ast.iter_child_nodes(node):
            if typing or not is_for_type_checkers(node, child):
                yield from walk(child, around)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), ())


def modules(node: ast.AST) -> Iterator[str]:
    """Yield the modules that one statement imports; from the package, also what may be one."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield str(node.module)
        if node.module == "accelbench":
            yield from (f"accelbench.{alias.name}" for alias in node.names)


def is_for_type_checkers(node: ast.AST, child: ast.AST) -> bool:
    """Tell whether a child stands under `if TYPE_CHECKING:`, not in its else."""
    if not isinstance(node, ast.If) or ast.unparse(node.test) != "TYPE_CHECKING":
        return False
    return child in node.body


def own(path: Path, *, typing: bool = False) -> Iterator[str]:
    """Yield the layers of this package that a file imports."""
    for module, _ in imports(path, typing=typing):
        parts = module.split(".")
        if parts[0] == "accelbench":
            yield parts[1] if len(parts) > 1 and parts[1] in LEVEL else "accelbench"


def test_every_module_has_its_layer() -> None:
    assert {unit(path) for path in files(PACKAGE)} == set(LEVEL)


@pytest.mark.parametrize("path", files(PACKAGE), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    here = unit(path)
    wrong = {
        name
        for name in own(path)
        if LEVEL[name] > LEVEL[here]
        or any(name != here and {name, here} <= layer for layer in STRANGERS)
    }
    assert not wrong, f"{here} must not import {wrong}"


def test_modules_of_one_layer_import_each_other_one_way() -> None:
    edges = {(unit(path), name) for path in files(PACKAGE) for name in own(path)}
    both = {edge for edge in edges if edge[0] != edge[1] and edge[::-1] in edges}
    assert not both


@pytest.mark.parametrize("path", files(PACKAGE / "workers"), ids=lambda path: path.stem)
def test_a_worker_needs_records_codec_and_its_own_side_only(path: Path) -> None:
    assert set(own(path, typing=True)) <= {"accelbench", "records", "codec", "workers"}


def test_the_session_knows_of_the_worker_side_the_watchdogs_variable_alone() -> None:
    known = {
        (unit(path), module)
        for path in files(PACKAGE)
        if unit(path) != "workers"
        for module, _ in imports(path)
        if module.startswith("accelbench.workers")
    }
    assert {module for _, module in known} <= {
        "accelbench.workers",
        "accelbench.workers.watchdog",
    }
    starters = {"boot", "cli", "devices", "gateway", "interpreter", "plan", "processes"}
    starters |= {"question"}
    assert {name for name, _ in known} == starters


def test_a_workload_file_imports_records_and_the_worker_side_only() -> None:
    for path in files(BENCH / "workloads"):
        assert set(own(path, typing=True)) <= {"records", "workers"}, path


def test_pytest_is_imported_by_few() -> None:
    found = {
        unit(path)
        for path in files(PACKAGE)
        for module, _ in imports(path, typing=False)
        if module.split(".")[0] in {"pytest", "_pytest"}
    }
    assert found == PYTEST


def test_pytest_benchmarks_inside_is_known_to_one_file() -> None:
    found = {
        unit(path)
        for path in files(PACKAGE)
        for module, _ in imports(path)
        if module.split(".")[0] == "pytest_benchmark"
    }
    assert found == {"benchmark_records"}


def test_frameworks_are_imported_where_training_happens_and_in_fetch() -> None:
    for path in files(PACKAGE):
        for module, around in imports(path):
            if module.split(".")[0] in FRAMEWORKS and unit(path) != "workers":
                assert unit(path) == "data", path
                assert around == ("fetch",), path


def test_the_suites_tests_import_no_framework() -> None:
    for path in BENCH.glob("*.py"):
        assert not {module.split(".")[0] for module, _ in imports(path)} & FRAMEWORKS, path


PURE = {
    "bisect",
    "collections",
    "dataclasses",
    "functools",
    "itertools",
    "math",
    "statistics",
    "typing",
}
IMPURE = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}


@pytest.mark.parametrize("path", files(PACKAGE / "verdict"), ids=lambda path: path.stem)
def test_the_verdict_is_numbers_alone(path: Path) -> None:
    found = {module.split(".")[0] for module, _ in imports(path, typing=False)}
    assert found <= {*PURE, "__future__", "numpy", "scipy", "accelbench"}
    assert set(own(path)) <= {"levels", "records", "verdict"}
    names = {n.id for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Name)}
    assert not names & IMPURE


def test_the_verdict_draws_nothing_and_asks_no_clock() -> None:
    # numpy and scipy hold files, clocks and draws too: none of them by any name.
    for path in files(PACKAGE / "verdict"):
        tree = ast.walk(ast.parse(path.read_text("utf-8")))
        names = {node.attr for node in tree if isinstance(node, ast.Attribute)}
        wrong = {"random", "rvs", "load", "save", "loadtxt", "savetxt", "fromfile", "tofile"}
        assert not names & wrong, path
