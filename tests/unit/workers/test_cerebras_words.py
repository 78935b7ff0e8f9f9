"""What is said of a step that a CSX cannot run, how a cluster's errors end a run, a run's label."""

from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

import pytest

from accelbench.workers.cerebras_jobs import label
from accelbench.workers.cerebras_rejection import judged, rejected
from accelbench.workers.task import load_workload

WORKLOAD = """
def forward(work):
    return inner(work)

def inner(work):
    return work()  # here
"""

# As the SDK takes a label's key and value (cluster_config.py of cerebras_appliance 2.10).
LABEL = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]")


@pytest.fixture
def workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = tmp_path / "bench" / "foo.py"
    path.parent.mkdir()
    path.write_text(WORKLOAD, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return load_workload(str(path))


def told(workload: ModuleType, error: BaseException) -> str:
    """Return what is said of an error that was raised below the workload's inner function."""

    def sdk() -> None:
        raise error

    try:
        workload.forward(sdk)
    except type(error) as raised:
        return str(rejected(raised, str(workload.__file__), "training step"))
    raise AssertionError(error)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (RuntimeError("does not support `aten::_local_scalar_dense`.\nMore."), "use torch.where"),
        (RuntimeError("materialize a tensor outside of a step closure"), "do not print"),
        (TypeError("can't convert lazy:0 device type tensor to numpy"), "no numpy in a step"),
        (NotImplementedError("aten::nonzero has a dynamic shape"), "all shapes must be known"),
        (RuntimeError("Expected all tensors to be on the same device"), "register_buffer"),
        (RuntimeError("tensor arguments with incompatible devices"), "register_buffer"),
        (RuntimeError("unsupported autocast device_type 'lazy'"), "in half precision by itself"),
        (RuntimeError("does not yet support `aten::new`"), "no such operation"),
    ],
)
def test_one_line_holds_the_sdks_words_our_line_and_advice(
    workload: ModuleType, error: BaseException, advice: str
) -> None:
    said = told(workload, error)
    assert said.startswith("the CSX cannot run this training step: ")
    assert "\n" not in said
    assert f"{type(error).__name__}: {str(error).splitlines()[0]}; " in said
    assert "; bench/foo.py:6 in inner: return work()  # here; " in said
    assert advice in said


@pytest.mark.parametrize(
    "words",
    [
        "mat1 and mat2 shapes cannot be multiplied (16x784 and 10x10)",
        "Given input size per channel: (1 x 1). Kernel size: (3 x 3)",
        "this device_type is of no use",
    ],
)
def test_a_fault_of_the_workload_is_told_as_such(workload: ModuleType, words: str) -> None:
    said = told(workload, RuntimeError(words))
    line = "bench/foo.py:6 in inner: return work()  # here"
    assert said == f"the training step failed: RuntimeError: {words}; {line}"


def test_what_a_run_stores_begins_without_a_path_of_modules(workload: ModuleType) -> None:
    try:
        workload.forward(lambda: 1 // 0)
    except ZeroDivisionError as error:
        rejection = rejected(error, str(workload.__file__), "evaluation")
    first = traceback.format_exception_only(type(rejection), rejection)[0]
    assert first.startswith("RejectedError: the evaluation failed: ZeroDivisionError: ")


def test_an_error_from_elsewhere_names_no_line(tmp_path: Path) -> None:
    said = str(rejected(ValueError("no"), str(tmp_path / "foo.py"), "evaluation"))
    assert said == "the evaluation failed: ValueError: no"


def test_a_cause_is_followed_to_the_workload(workload: ModuleType) -> None:
    def sdk() -> None:
        raise KeyError("inside")

    try:
        workload.forward(sdk)
    except KeyError as cause:
        outer = RuntimeError("lowering failed")
        outer.__cause__ = cause
    said = str(rejected(outer, str(workload.__file__), "training step"))
    assert "RuntimeError: lowering failed; bench/foo.py:6 in inner" in said


def test_a_clusters_error_says_how_the_run_ended() -> None:
    class ClusterJobCancelledByCsctl(Exception):  # noqa: N818  # the SDK's name
        pass

    class Own(ClusterJobCancelledByCsctl):
        pass

    for error, state in (
        (ClusterJobCancelledByCsctl(), "interrupted(csctl)"),
        (Own(), "interrupted(csctl)"),
        (RuntimeError(), None),
    ):
        judged(error)
        assert getattr(error, "run_state", None) == state


@pytest.mark.parametrize(
    "run_id",
    [
        "20260101T000000-abcdef/0123abcd",
        "a",
        "",
        "-/-",
        "x" * 200,
        "_" * 70 + "end_",
        "käse/1",
    ],
)
def test_a_runs_label_is_one_that_the_sdk_takes(run_id: str) -> None:
    key, _, value = label(run_id).partition("=")
    assert key == "accelbench"
    assert LABEL.fullmatch(value) is not None


@pytest.mark.parametrize("own", ["/0123456789abcdef", "@0123456789abcdef"])
def test_a_workers_own_id_has_its_runs_label(own: str) -> None:
    run = "20260101T000000-abcdef/0123abcd"
    assert label(run + own) == label(run) == "accelbench=20260101T000000-abcdef-0123abcd"
    assert label(run[:-1] + own) != label(run)


def test_nothing_of_the_sdk_is_imported_for_it() -> None:
    assert "cerebras" not in sys.modules
