"""The CPU's energy, from files like those of Linux's powercap; platforms without a way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelbench.workers import energy_rapl
from accelbench.workers.energy import EnergyMeter, open_meter

if TYPE_CHECKING:
    from collections.abc import Callable

    Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Write a domain's counter in microjoules: `put("intel-rapl:0", 5_000_000)`."""
    monkeypatch.setattr(energy_rapl, "POWERCAP", tmp_path)

    def put(domain: str, microjoules: int, name: str = "package-0") -> Path:
        folder = tmp_path / domain
        folder.mkdir(exist_ok=True)
        (folder / "name").write_text(name + "\n")
        (folder / "energy_uj").write_text(f"{microjoules}\n")
        (folder / "max_energy_range_uj").write_text("262143328850\n")
        return folder

    return put


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the clock that the meter and its gauge read: seconds."""
    stamps = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: stamps[-1])
    return stamps.append


def closed(meter: EnergyMeter) -> EnergyMeter:
    meter.close()
    meter.finish()
    return meter


def test_the_packages_are_added_up_and_their_parts_are_not(
    put: Put, now: Callable[[float], None]
) -> None:
    def count(first: int, second: int, other: int) -> None:
        put("intel-rapl:0", first)
        put("intel-rapl:0:0", other, name="core")
        put("intel-rapl:1", second, name="package-1")
        put("intel-rapl:2", other, name="psys")
        put("intel-rapl-mmio:0", other)

    count(1_000_000, 5_000_000, 0)
    meter = open_meter("cpu", {})
    for window in range(2):
        meter.open()
        count(11_000_000, 5_500_000, 99_000_000)
        now(window + 1.0)
        meter.close()
        count(1_000_000, 5_000_000, 0)
    meter.finish()
    assert meter.joules == pytest.approx(2 * 10.5)
    assert meter.source == "rapl packages"


def test_a_counter_that_began_again_at_zero_is_followed(
    put: Put, now: Callable[[float], None]
) -> None:
    put("intel-rapl:0", 262143328850 - 3_000_000)
    meter = open_meter("cpu", {})
    meter.open()
    put("intel-rapl:0", 2_000_000)
    now(1.0)
    assert closed(meter).joules == pytest.approx(5.0)


def test_an_epoch_in_which_a_counter_may_have_begun_again_twice_is_not_counted(
    put: Put, now: Callable[[float], None]
) -> None:
    put("intel-rapl:0", 0)
    meter = open_meter("cpu", {})
    meter.open()
    now(263.0)
    assert closed(meter).joules is None
    assert meter.reason == "an epoch of 263 s is longer than RAPL can count"
    assert meter.source == ""


def test_of_a_hosts_ranks_the_first_alone_counts(put: Put, now: Callable[[float], None]) -> None:
    put("intel-rapl:0", 0)
    meters = [open_meter("cpu", {"LOCAL_RANK": rank}) for rank in ("0", "1")]
    for meter in meters:
        meter.open()
    put("intel-rapl:0", 7_000_000)
    now(1.0)
    assert [closed(meter).joules for meter in meters] == [pytest.approx(7.0), 0.0]


def test_a_host_that_shows_no_counter_says_so(tmp_path: Path, put: Put) -> None:
    for rank in ("0", "1"):
        meter = open_meter("cpu", {"LOCAL_RANK": rank})
        meter.open()
        assert closed(meter).joules is None
        assert meter.reason == f"this host shows no RAPL counter: {tmp_path} has no intel-rapl"


def test_a_counter_that_cannot_be_read_is_named(put: Put) -> None:
    file = put("intel-rapl:0", 0) / "energy_uj"
    file.unlink()
    assert open_meter("cpu", {}).joules is None
    assert open_meter("cpu", {}).reason.startswith("RAPL cannot be read: ")
    assert str(file) in open_meter("cpu", {}).reason


def test_a_counter_lost_while_training_ends_no_training(put: Put) -> None:
    file = put("intel-rapl:0", 0) / "energy_uj"
    meter = open_meter("cpu", {})
    meter.open()
    file.unlink()
    meter.close()
    meter.open()
    assert closed(meter).joules is None
    assert str(file) in meter.reason


def test_windows_too_short_for_the_counter_have_no_energy(
    put: Put, now: Callable[[float], None]
) -> None:
    put("intel-rapl:0", 0)
    meter = open_meter("cpu", {})
    meter.open()
    now(0.009)
    assert closed(meter).joules is None
    assert meter.reason == (
        "windows of 0.009 s are too short for what moves every 0.001 s: an epoch must take 0.01 s"
    )


def test_nothing_timed_is_nothing_measured(put: Put) -> None:
    put("intel-rapl:0", 0)
    meter = open_meter("cpu", {})
    meter.finish()
    assert meter.joules is None
    assert meter.reason == "nothing was timed"


def test_this_hosts_own_counters_are_read_or_a_reason_is_given() -> None:
    meter = open_meter("cpu", {})
    meter.open()
    end = sum(range(10**6))
    assert end > 0
    closed(meter)
    assert (meter.joules is None) == bool(meter.reason)
    assert meter.joules is None or meter.joules > 0


def test_a_platform_that_nobody_can_measure_says_so() -> None:
    meter = open_meter("xpu", {})
    meter.open()
    assert closed(meter).joules is None
    assert meter.reason == "no way to measure the energy of xpu is known"
