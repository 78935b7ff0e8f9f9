"""--seeds N: reference runs with fresh seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest


def test_seeds_records_so_many_runs_with_seeds_never_stored_before(project: Project) -> None:
    project.noise(recorded=True)
    before = [line["run"]["spec"]["seed"] for line in project.lines()]
    result = project.run("-m", "cpu", "--update-baselines", "--seeds", "3")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["3 reference runs recorded in 1 baseline file"])
    seeds = [line["run"]["spec"]["seed"] for line in project.lines()]
    assert seeds[: len(before)] == before
    assert len(seeds) == len(set(seeds)) == len(before) + 3
    sessions = {line["run"]["provenance"]["session_id"] for line in project.lines()}
    assert len(sessions) == 2


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--seeds", "3"), "--accept-regression and --seeds need --update-baselines"),
        (("--seeds", "0", "--update-baselines"), "--seeds must be 1 or more, not 0"),
    ],
)
def test_wrong_use_of_seeds_is_a_usage_error_in_one_line(
    project: Project, args: tuple[str, ...], says: str
) -> None:
    result = project.run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {says}" in result.errlines
    assert "Traceback" not in result.stderr.str()
