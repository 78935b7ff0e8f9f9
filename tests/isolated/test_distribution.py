"""Who distributes tests, and what -n auto means."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("xdist")

from accelbench import distribution
from accelbench.devices import Found, Unavailable
from accelbench.fixtures import FOUND


@pytest.fixture(autouse=True)
def no_outer_session(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("PYTEST_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with a suite of workloads and other tests."""
    for name in ("bench/workloads", "other"):
        (pytester.path / name).mkdir(parents=True)
    return pytester


def auto(suite: pytest.Pytester, *args: str) -> int | None:
    config = suite.parseconfig("-n", "auto", "--devices=cpu,gpu-1,gpu-2,ipu", *args)
    gpus = ("gpu:a", "gpu:b", "gpu:c")
    found: dict[str, Found | Unavailable] = {
        "cpu": Found("cpu", "a processor", ("cpu",)),
        "gpu-1": Found("gpu-1", "a GPU", gpus),
        "gpu-2": Found("gpu-2", "GPUs", gpus, count=2),
        "ipu": Unavailable("ipu", "none here"),
    }
    config.stash[FOUND] = found
    return distribution.auto_workers(config)


@pytest.mark.parametrize(
    "args",
    [(), (".",), ("bench",), ("bench/test_a.py::test_a",), ("other", "bench")],
    ids=" ".join,
)
def test_auto_is_a_worker_for_each_unit_of_the_devices_that_are_here(
    suite: pytest.Pytester, args: tuple[str, ...]
) -> None:
    assert auto(suite, *args) == 4


def test_auto_is_so_too_where_a_device_is_named(suite: pytest.Pytester) -> None:
    assert auto(suite, "other", "-m", "gpu and not gpu-2") == 4


@pytest.mark.parametrize("args", [("other",), ("other", "-m", "slow"), ("bench", "-n", "logical")])
def test_auto_is_left_to_xdist_where_no_device_is_tested(
    suite: pytest.Pytester, args: tuple[str, ...]
) -> None:
    assert auto(suite, *args) is None


def test_auto_is_left_to_the_number_in_the_environment(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "7")
    assert auto(suite, "bench") is None


def test_auto_is_one_worker_where_no_device_is_here(suite: pytest.Pytester) -> None:
    config = suite.parseconfig("-n", "auto", "--devices=ipu", "bench")
    found: dict[str, Found | Unavailable] = {"ipu": Unavailable("ipu", "none here")}
    config.stash[FOUND] = found
    assert distribution.auto_workers(config) == 1


@pytest.mark.parametrize(
    ("args", "ours"),
    [
        ((), True),
        (("--dist=load",), False),
        (("--dist=worksteal",), False),
        (("-d", "--tx=popen"), False),
    ],
)
def test_tests_are_spread_by_units_only_where_the_user_chose_nothing_else(
    suite: pytest.Pytester, args: tuple[str, ...], ours: bool
) -> None:
    config = suite.parseconfig("-n", "2", *args)
    distribution.note_chosen(config)
    if config.option.dist == "no":
        config.option.dist = "load"  # as xdist does when it sees -n
    assert distribution.wanted(config) is ours
    told: dict[str, object] = {}
    distribution.tell_worker(config, told)
    assert bool(told) is ours
