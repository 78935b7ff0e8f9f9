"""--require-device: a session cannot be green on nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest


def test_absent_required_device_fails_in_its_own_words(project: Project) -> None:
    project.noise()
    result = project.run("-m", "ipu or gpu-1", "--require-device", "ipu")
    result.assert_outcomes(errors=1, skipped=1, deselected=project.deselected(10))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["ipu: *IPU* (--require-device)"])


def test_required_device_that_no_training_used_fails_the_session_in_one_line(
    project: Project,
) -> None:
    project.noise()
    result = project.run("-m", "cpu", "--require-device", "cpu", "--require-device", "ipu")
    result.assert_outcomes(passed=1, deselected=project.deselected(11))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    complaints = [line for line in result.outlines if line.startswith("ERROR: ")]
    assert complaints == ["ERROR: --require-device ipu: no training ran on it"]


def test_required_device_with_no_test_at_all_fails_the_session(project: Project) -> None:
    result = project.run("--require-device", "cpu")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["ERROR: --require-device cpu: no training ran on it"])


def test_required_device_that_is_used_is_fine(project: Project) -> None:
    project.noise()
    result = project.run("-m", "cpu", "--require-device", "cpu")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("ERROR: *")


def test_missing_framework_skips_and_fails_where_the_device_is_required(project: Project) -> None:
    project.steps("foreign", framework="not_installed_here")
    needs = "*workload foreign needs not_installed_here, which * does not have: *pip install *"
    result = project.run("-m", "cpu")
    result.assert_outcomes(skipped=1, deselected=project.deselected(11))
    result.stdout.fnmatch_lines([f"SKIPPED{needs}"])
    result = project.run("-m", "cpu", "--require-device", "cpu")
    result.assert_outcomes(failed=1, deselected=project.deselected(11))
    result.stdout.fnmatch_lines([f"{needs} (--require-device)"])
