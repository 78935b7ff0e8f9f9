"""pytest-benchmark's options: the same records plain and under xdist."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.integration.options.conftest import Project

import pytest
from pytest_benchmark.stats import Metadata, Stats

NODE = "bench/test_training.py::test_training[noise-cpu]"
TWICE = "bench/test_own.py::test_twice[cpu]"

OTHERS = """
import pytest


@pytest.mark.gates(4)
def test_twice(train):
    train("noise").check()
    train("noise", epochs=3).check()


def test_plain():
    pass
"""

CLASSIC = """
def test_classic(benchmark):
    benchmark.pedantic(len, args=("abc",), rounds=2)
"""


def records(path: str, project: Project) -> dict[str, Any]:
    content = json.loads((project.path / path).read_text())
    return {each["fullname"]: each for each in content["benchmarks"]}


def saved(project: Project) -> list[str]:
    folder = project.path / ".benchmarks"
    return sorted(str(path.relative_to(project.path)) for path in folder.rglob("*.json"))


def test_json_holds_the_epochs_that_the_worker_timed(project: Project) -> None:
    project.noise()
    project.tests(OTHERS)
    result = project.run("-m", "cpu", "--benchmark-json=out.json")
    assert result.ret == pytest.ExitCode.OK
    found = records("out.json", project)
    epochs: dict[str, list[Mapping[str, float]]] = {}
    for outcome in project.outcomes():
        name = outcome["test"] if outcome["test"] not in epochs else f"{outcome['test']}:2"
        epochs[name] = outcome["run"]["epochs"]
    assert {name: len(each) for name, each in epochs.items()} == {
        NODE: 2,
        TWICE: 2,
        f"{TWICE}:2": 3,
    }
    assert set(found) == {f"{name}:{kind}" for name in epochs for kind in ("epoch", "data_loading")}
    for name, each in epochs.items():
        whole, loading = found[f"{name}:epoch"], found[f"{name}:data_loading"]
        assert whole["stats"]["data"] == [epoch["seconds"] for epoch in each]
        assert loading["stats"]["data"] == [epoch["data_seconds"] for epoch in each]
        assert whole["stats"]["rounds"] == loading["stats"]["rounds"] == len(each)
        assert (whole["group"], loading["group"]) == ("epoch", "data_loading")
        assert whole["params"] == {"workload": "noise", "device": "cpu"}
        assert whole["extra_info"]["samples"] == 200


def test_autosave_compare_and_histogram_work_on_our_records(project: Project) -> None:
    pytest.importorskip("pygal", reason="needs pytest-benchmark[histogram]")
    project.noise()
    first = project.run("-m", "cpu", "--benchmark-autosave")
    assert first.ret == pytest.ExitCode.OK
    (name,) = saved(project)
    names = {f"{NODE}:epoch", f"{NODE}:data_loading"}
    assert set(records(name, project)) == names

    second = project.run(
        "-m", "cpu", "--benchmark-autosave", "--benchmark-compare", "--benchmark-histogram=h"
    )
    assert second.ret == pytest.ExitCode.OK
    assert len(saved(project)) == 2
    for kind in ("epoch", "data_loading"):
        second.stdout.fnmatch_lines_random(
            [f"test_training[[]noise-cpu[]]:{kind} (NOW)*", f"*:{kind} (0001_*)*"]
        )
    drawings = sorted(project.path.glob("h*.svg"))
    assert len(drawings) == 2
    for drawing in drawings:
        ElementTree.parse(drawing)


def test_only_runs_training_tests_and_benchmarks_and_skips_the_others(
    plain_project: Project,
) -> None:
    plain_project.noise()
    plain_project.tests(OTHERS + CLASSIC)
    result = plain_project.run("--devices", "cpu", "--benchmark-only", "--benchmark-json=out.json")
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*: Skipping non-benchmark*"])
    assert "bench/test_own.py::test_classic" in records("out.json", plain_project)
    assert f"{NODE}:epoch" in records("out.json", plain_project)


def test_only_keeps_a_skip_of_the_tests_own(plain_project: Project) -> None:
    plain_project.noise()
    plain_project.tests(OTHERS.replace("@pytest", "@pytest.mark.skip(reason='mine')\n@pytest"))
    result = plain_project.run("--devices", "cpu", "--benchmark-only", "-k", "own and twice")
    result.assert_outcomes(skipped=1, deselected=2)
    result.stdout.fnmatch_lines(["SKIPPED*: mine"])


def test_only_is_a_usage_error_under_xdist(plain_project: Project) -> None:
    pytest.importorskip("xdist")
    plain_project.noise()
    result = plain_project.run("-n", "2", "-m", "cpu", "--benchmark-only")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--benchmark-only*"])
    assert plain_project.outcomes() == []


def test_skip_skips_training_tests_and_runs_the_others(project: Project) -> None:
    project.noise()
    project.tests(OTHERS)
    result = project.run("--devices", "cpu", "--benchmark-skip")
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED*: Skipping training (--benchmark-skip active)."])
    assert project.outcomes() == []


def test_disable_trains_and_judges_and_records_nothing(project: Project) -> None:
    project.noise(recorded=True)
    result = project.run("-m", "cpu", "--benchmark-disable", "--benchmark-json=out.json")
    result.assert_outcomes(passed=1, deselected=project.deselected(11))
    assert project.statuses() == {"accuracy": "passed", "loss": "passed"}
    result.stdout.no_fnmatch_line("*:epoch*")
    path = project.path / "out.json"
    assert not path.exists() or not path.read_text() or records("out.json", project) == {}


def test_everything_works_without_pytest_benchmark(project: Project) -> None:
    project.noise(recorded=True)
    result = project.run("-m", "cpu", "-p", "no:benchmark")
    result.assert_outcomes(passed=1, deselected=project.deselected(11))
    assert project.statuses() == {"accuracy": "passed", "loss": "passed"}
    result.stdout.no_fnmatch_line("*:epoch*")


def test_contract_with_pytest_benchmark() -> None:
    """What benchmark_records.py relies on, and no document promises."""
    fixture = SimpleNamespace(
        name="t:epoch",
        fullname="f.py::t:epoch",
        group="epoch",
        param="noise-cpu",
        params={"workload": "noise"},
        extra_info={"samples": 3},
        cprofile_stats=None,
        has_error=False,
    )
    metadata = Metadata(fixture, iterations=1, options={"timer": "worker"})
    assert isinstance(metadata.stats, Stats)
    for seconds in (0.25, 0.5, 0.75):
        metadata.stats.update(seconds)
    assert metadata.stats.rounds == 3
    content = metadata.as_dict(include_data=True)
    assert content["fullname"] == "f.py::t:epoch"
    assert content["group"] == "epoch"
    assert content["params"] == {"workload": "noise"}
    assert content["extra_info"] == {"samples": 3}
    assert content["stats"]["data"] == [0.25, 0.5, 0.75]
    assert content["stats"]["median"] == pytest.approx(0.5)
    assert content["stats"]["iterations"] == 1
