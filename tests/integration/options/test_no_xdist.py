"""Without pytest-xdist everything works."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project


def test_session_without_xdist_trains_judges_and_records(plain_project: Project) -> None:
    plain_project.noise(recorded=True)
    result = plain_project.run(
        "-p", "no:xdist", "-m", "cpu", "--update-baselines", "--benchmark-json=out.json"
    )
    result.assert_outcomes(passed=1, deselected=11)
    assert plain_project.statuses() == {"accuracy": "passed", "loss": "passed"}
    assert len(plain_project.lines()) == 11
    assert (plain_project.path / "out.json").stat().st_size
