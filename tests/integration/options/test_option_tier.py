"""--tier: which cells of each workload are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest


@pytest.mark.parametrize(
    ("args", "level", "epochs", "gates"),
    [((), None, 2, {"accuracy", "loss"}), (("--tier", "nightly"), 950, 3, {"loss"})],
    ids=["smoke by default", "nightly"],
)
def test_tier_chooses_parameters_epochs_and_gates(
    project: Project, args: tuple[str, ...], level: int | None, epochs: int, gates: set[str]
) -> None:
    project.noise()
    result = project.run("-m", "cpu", *args)
    assert result.ret == pytest.ExitCode.OK
    (outcome,) = project.outcomes()
    assert outcome["run"]["spec"]["params"].get("level") == level
    assert len(outcome["run"]["epochs"]) == epochs
    assert set(project.statuses()) == gates


def test_workload_without_the_tier_has_no_cell_and_the_test_is_skipped(
    plain_project: Project,
) -> None:
    plain_project.noise()
    result = plain_project.run("-m", "cpu", "--tier", "paper")
    assert plain_project.outcomes() == []
    result.assert_outcomes(skipped=1, deselected=11)


def test_unknown_tier_is_a_usage_error_that_names_the_tiers(project: Project) -> None:
    result = project.run("--tier", "weekly")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--tier*weekly*smoke*nightly*paper*"])
