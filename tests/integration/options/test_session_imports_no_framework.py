"""The session imports no framework, and while it collects nothing that is slow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

FRAMEWORKS = {"torch", "torchvision", "tensorflow", "keras", "jax", "poptorch"}
SLOW = {
    "scipy", "numpy", "duckdb", "execnet", "psutil", "rich", "click", "platformdirs", "subprocess",
}  # fmt: skip

# Added to a project's conftest.py: each process tells at its end what it has imported.
TELL = """
import json
import os
import pathlib
import sys

import pytest

@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    who = os.environ.get("PYTEST_XDIST_WORKER", "controller")
    pathlib.Path(f"modules-{who}.json").write_text(json.dumps(sorted(sys.modules)))
"""


def imported(project: Project, who: str = "controller") -> set[str]:
    """Return the names of the top-level modules that a process has imported."""
    names = json.loads((project.path / f"modules-{who}.json").read_text())
    return {name.partition(".")[0] for name in names}


def test_no_process_of_a_session_that_trains_imports_a_framework(project: Project) -> None:
    project.real("linear_regression")
    project.append("conftest.py", TELL)
    result = project.run("-m", "cpu", "-k", "linear_regression-cpu", "--update-baselines")
    result.assert_outcomes(passed=1, deselected=project.deselected(35))
    assert "torch" in json.dumps(project.outcomes()[0]["run"]["spec"]["framework"])
    processes = ["controller", "gw0", "gw1"] if project.args else ["controller"]
    for who in processes:
        assert "accelbench" in imported(project, who)
        assert not FRAMEWORKS & imported(project, who)


def test_collecting_imports_nothing_slow(plain_project: Project) -> None:
    plain_project.noise()
    plain_project.append("conftest.py", TELL)
    without = plain_project.run("--collect-only", "-p", "no:accelbench.plugin")
    assert without.ret == pytest.ExitCode.OK
    bare = imported(plain_project)
    assert "accelbench" not in bare
    plain_project.run("--collect-only").assert_outcomes()
    ours = imported(plain_project) - bare
    assert "accelbench" in ours
    assert not (SLOW | FRAMEWORKS) & ours
