"""The fixtures device, train, cpu, gpu, ipu, cerebras, and how train is used wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.options.conftest import Project

import pytest

BY_NAME = """
import pytest


def test_cpu(cpu, device, train):
    assert cpu is device
    assert (cpu.device, cpu.units) == ("cpu", ("cpu",))
    assert cpu.model
    trained = train("noise", batch_size=5, epochs=1)
    assert trained.run.epochs[0].samples == 100
    assert {verdict.status for verdict in trained.check()} >= {"new"}


def test_gpu(gpu):
    raise AssertionError


def test_ipu(ipu, train):
    raise AssertionError


def test_cerebras(cerebras):
    raise AssertionError
"""

UNCHECKED = """
def test_never_checks(train):
    train("noise")


def test_checks_one_of_two(train):
    train("noise", level=800).check()
    train("noise", level=700)


def test_fails_before_it_checks(train):
    train("noise")
    raise AssertionError("first of all")
"""

WRONG = """
def test_workload(train):
    train("noize")


def test_parameter(train):
    train("noise", batchsize=3)


def test_type(train):
    train("noise", batch_size="many")


def test_value(train):
    train("noise", batch_size=0)


def test_data_set(train):
    train("noise", dataset="imagenet")


def test_metric(train):
    train("noise", gates=["speed"]).check()
"""

NO_TIERS = """
def test_without_tiers(train):
    assert train("bare").run.spec.dataset == "inline"
    train("bare").check()
"""


def test_each_name_runs_on_its_devices_and_absent_ones_skip_with_their_own_words(
    project: Project,
) -> None:
    project.noise()
    project.tests(BY_NAME)
    result = project.run("-k", "own")
    result.assert_outcomes(passed=1, skipped=6, deselected=project.deselected(12))
    result.stdout.fnmatch_lines_random(
        [f"SKIPPED*gpu-{number}: *GPU*" for number in (1, 2, 4, 8)]
        + ["SKIPPED*ipu: *IPU*", "SKIPPED*cerebras: *"]
    )


def test_training_that_is_never_checked_is_an_error_that_names_the_call(project: Project) -> None:
    project.noise()
    project.tests(UNCHECKED)
    result = project.run("--devices", "cpu", "-k", "own")
    result.assert_outcomes(passed=2, errors=2, failed=1, deselected=project.deselected(1))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    complaints = [line for line in result.outlines if line.startswith("trained and never checked")]
    assert set(complaints) == {
        f"trained and never checked: {name}; call .check() on what train() returned"
        for name in ("noise", "noise-level=700")
    }
    assert len(complaints) == 2
    result.stdout.no_fnmatch_line("ERROR *test_fails_before_it_checks*")


def test_what_does_not_exist_or_fit_is_one_clear_line_before_anything_is_started(
    project: Project,
) -> None:
    project.noise()
    project.tests(WRONG)
    result = project.run("--devices", "cpu", "-k", "own")
    result.assert_outcomes(failed=6, deselected=project.deselected(1))
    for line in (
        "unknown workload 'noize' (did you mean noise?); known: noise",
        "workload noise has no parameter 'batchsize' (did you mean batch_size?); it has: *",
        "parameter batch_size of workload noise takes a whole number such as 10, not 'many'",
        "parameter batch_size of workload noise must be 1 or more, not 0",
        "workload noise holds its own data (data set inline) and cannot train on 'imagenet'",
        "*unknown metric 'speed'*",
    ):
        result.stdout.fnmatch_lines([line])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert project.outcomes() == []


def test_workload_without_tiers_trains_on_its_own_data(plain_project: Project) -> None:
    plain_project.steps("bare", cells=[])
    plain_project.tests(NO_TIERS)
    result = plain_project.run("--devices", "cpu")
    result.assert_outcomes(passed=1, skipped=1, errors=1)
    result.stdout.fnmatch_lines(["trained and never checked: bare; *"])
