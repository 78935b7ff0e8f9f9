"""Exit codes are pytest's own, and --junitxml says what the terminal says."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest


def cases(project: Project) -> dict[str, ElementTree.Element]:
    root = ElementTree.parse(project.path / "junit.xml").getroot()
    return {str(case.get("name")): case for case in root.iter("testcase")}


def test_red_verdict_gives_exit_code_1_and_a_failure_in_junitxml(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.noise(recorded=True)
    project.noise("unknown")
    monkeypatch.setenv("NOISE_DROP", "100")
    result = project.run(
        "-m", "cpu or ipu", "--junitxml=junit.xml", "--update-baselines", "--seeds=9"
    )
    result.assert_outcomes(passed=1, failed=1, skipped=2, deselected=project.deselected(20))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    found = cases(project)
    assert len(found) == 4
    failure = found["test_training[noise-cpu]"].find("failure")
    assert failure is not None
    assert "accuracy regressed: 0." in f"{failure.get('message')}{failure.text}"
    assert "--accept-regression" in f"{failure.get('message')}{failure.text}"
    assert found["test_training[unknown-cpu]"].find("failure") is None
    skipped = found["test_training[noise-ipu]"].find("skipped")
    assert skipped is not None
    assert "IPU" in str(skipped.get("message"))


def test_skips_alone_give_exit_code_0(project: Project) -> None:
    project.noise()
    result = project.run("-m", "ipu or cerebras")
    result.assert_outcomes(skipped=2, deselected=project.deselected(10))
    assert result.ret == pytest.ExitCode.OK


def test_nothing_selected_gives_exit_code_5(project: Project) -> None:
    project.noise()
    result = project.run("-k", "no_such_test")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
