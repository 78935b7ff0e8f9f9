"""--screen P: the level at which one run raises a suspicion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest


def test_a_wider_screen_suspects_what_the_usual_one_lets_pass(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    project.scatter()
    monkeypatch.setenv("NOISE_DROP", "8")  # a loss of 0.258, p 0.15 among the stored ones
    bounds = []
    for args, level, suspected in (((), 0.1, []), (("--screen", "0.3"), 0.3, ["screen"])):
        result = project.run("-m", "cpu", *args)
        assert result.ret == pytest.ExitCode.OK
        loss = project.verdict("loss")
        assert loss["suspected_by"] == suspected
        assert 0.1 < loss["screen_p"] < 0.3
        assert (loss["value"] > loss["bound"]) == (loss["screen_p"] < level)
        bounds.append(loss["bound"])
    assert bounds[0] > bounds[1]
    assert project.statuses()["loss"] == "inconclusive"
    result.stdout.fnmatch_lines(
        ["*suspected by screen; 3 fresh runs would decide (--update-baselines --seeds 10 *)"]
    )


@pytest.mark.parametrize(
    ("value", "says"),
    [
        *[
            (value, f"--screen must lie between 0.01 and 0.5, not {value}")
            for value in ("0", "1", "0.51", "0.009", "nan", "inf", "-0.1")
        ],
        ("a tenth", "argument --screen: invalid float value: 'a tenth'"),
    ],
)
def test_a_level_that_does_not_fit_is_a_usage_error_in_one_line(
    project: Project, value: str, says: str
) -> None:
    result = project.run(f"--screen={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if says in line]
    assert "Traceback" not in result.stderr.str()
    assert project.outcomes() == []
