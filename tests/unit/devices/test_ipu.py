"""IPUs, asked of poptorch in the device's interpreter: found, or told why not, in one line.

The SDKs of these tests are small modules on the interpreter's path.
"""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from accelbench.devices import Found, Unavailable, cpu, ipu, kind_of
from accelbench.devices.kind import ON_THE_HOST
from accelbench.interpreter import DeviceConfig
from accelbench.workers import ipu_probe

SDK = """
import os
open(os.environ["ASKED"], "a").write("x")
print("Initialising the SDK", end="")
__version__ = "3.4.0"
def ipuHardwareIsAvailable(count=1):
    return count & (count - 1) == 0 and count <= int(os.environ["IPUS"])
def ipuHardwareVersion(): return int(os.environ.get("MARK", "2"))
"""
OTHER_TORCH = 'assert False, "This version of PopTorch only works with torch==2.0.1.\\nNot 2.4"'
NOT_ENABLED = 'raise ImportError("Unable to import PopTorch without an active Poplar SDK.")'
BROKEN = 'raise OSError("libpoplar.so: cannot open")'


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    ipu.asked.cache_clear()


def config(folder: Path, sdk: str = SDK, **env: str) -> DeviceConfig:
    """Return the configuration of an interpreter that imports this SDK; "" for none."""
    if sdk:
        (folder / "poptorch.py").write_text(sdk)
    (folder / "torch.py").write_text('__version__ = "2.0.1"')
    given = {"PYTHONPATH": str(folder), "ASKED": str(folder / "asked"), "IPUS": "4", **env}
    return DeviceConfig((sys.executable,), env=tuple(sorted(given.items())))


def reason(device: str, configured: DeviceConfig) -> str:
    """Return why a device is not there, which is one line."""
    found = kind_of(device).find(device, configured)
    assert isinstance(found, Unavailable)
    assert found.device == device
    assert "\n" not in found.reason
    return found.reason


def test_ids_of_ipus_are_their_markers() -> None:
    for name in ("ipu", "ipu-1", "ipu-16", "ipu-model"):
        assert kind_of(name).marks(name) == (name,)
    assert kind_of("ipu-16").ids == ("ipu",)
    assert kind_of("ipu-model").ids == ("ipu-model",)


def test_four_ipus_are_one_unit_with_four_replicas(tmp_path: Path) -> None:
    assert kind_of("ipu-4").find("ipu-4", config(tmp_path)) == Found(
        "ipu-4",
        "Graphcore IPU Mk2",
        units=("ipu",),
        facts=(("poptorch_version", "3.4.0"), ("sdk_torch_version", "2.0.1")),
        replicas=4,
        platform="ipu",
    )


@pytest.mark.parametrize(
    ("mark", "model"), [("1", "Mk1"), ("21", "Mk2 with FP8"), ("-1", "version -1")]
)
def test_the_hardwares_version_is_the_model(tmp_path: Path, mark: str, model: str) -> None:
    found = kind_of("ipu").find("ipu", config(tmp_path, MARK=mark))
    assert isinstance(found, Found)
    assert found.model == f"Graphcore IPU {model}"


def test_ipus_that_are_no_power_of_two_need_more_than_they_use(tmp_path: Path) -> None:
    for device, pair in (("ipu-3", "ipu-2, ipu-4"), ("ipu-6", "ipu-4, ipu-8")):
        assert reason(device, config(tmp_path)) == (
            f"IPUs are taken by powers of two: {pair}, or auto_round_ipus = true in its options"
        )
    assert not (tmp_path / "asked").exists()
    rounded = replace(config(tmp_path), options=(("auto_round_ipus", True),))
    found = kind_of("ipu-3").find("ipu-3", rounded)
    assert isinstance(found, Found)
    assert found.replicas == 3
    assert reason("ipu-6", rounded) == "it needs 8 IPUs, poptorch 3.4.0 sees fewer"


def test_a_setup_that_failed_says_so_beside_the_sdk_that_is_missing(tmp_path: Path) -> None:
    setup = f"source {tmp_path}/enable.sh"
    said = reason("ipu", replace(config(tmp_path, NOT_ENABLED), setup=setup))
    assert "enable the SDK in `setup`" in said
    assert "(on stderr: " in said
    assert said.endswith("enable.sh: No such file or directory)")
    there = replace(config(tmp_path, IPUS="0"), setup=setup)
    assert reason("ipu", there) == "poptorch 3.4.0 sees no IPU"


def test_too_few_ipus_and_none_are_told_apart(tmp_path: Path) -> None:
    assert reason("ipu-8", config(tmp_path)) == "it needs 8 IPUs, poptorch 3.4.0 sees fewer"
    assert reason("ipu-8", config(tmp_path, IPUS="0")) == "poptorch 3.4.0 sees no IPU"
    assert reason("ipu", config(tmp_path, IPUS="0")) == "poptorch 3.4.0 sees no IPU"


def test_an_emulated_ipu_needs_the_sdk_and_holds_the_processor(tmp_path: Path) -> None:
    found = kind_of("ipu-model").find("ipu-model", config(tmp_path, IPUS="0"))
    assert isinstance(found, Found)
    assert (found.model, found.units) == (f"Graphcore IPU model on {cpu.model()}", ("cpu",))
    assert ON_THE_HOST in found.facts
    assert (found.platform, found.replicas) == ("ipu-model", 1)


@pytest.mark.parametrize("device", ["ipu", "ipu-model"])
@pytest.mark.parametrize(
    ("sdk", "said"),
    [
        (OTHER_TORCH, "does not fit its torch: This version of PopTorch only works with torch"),
        (NOT_ENABLED, "without an active Poplar SDK; enable the SDK in `setup`: source"),
        (BROKEN, "cannot import poptorch: libpoplar.so: cannot open"),
        ("", "No module named 'poptorch'; make `command` an interpreter that has the SDK's"),
    ],
    ids=["torch", "enable", "broken", "missing"],
)
def test_an_sdk_that_does_not_import_says_what_to_do(
    tmp_path: Path, device: str, sdk: str, said: str
) -> None:
    assert said in reason(device, config(tmp_path, sdk))


def test_a_driver_that_fails_speaks_for_itself(tmp_path: Path) -> None:
    failing = (
        SDK + "\ndef ipuHardwareIsAvailable(count=1): raise RuntimeError('no fabric\\nat all')"
    )
    said = reason("ipu", config(tmp_path, failing))
    assert said == "poptorch 3.4.0 cannot ask for IPUs: no fabric"


def test_each_question_is_asked_once(tmp_path: Path) -> None:
    configured = config(tmp_path)
    for device in ("ipu", "ipu-1", "ipu-2", "ipu-2", "ipu-model", "ipu-model"):
        kind_of(device).find(device, configured)
    assert (tmp_path / "asked").read_text() == "xxx"  # for one IPU, for two, for the SDK alone


@pytest.mark.skipif(
    importlib.util.find_spec("poptorch") is not None or any(Path("/dev").glob("ipu*")),
    reason="this host has an IPU or its SDK",
)
def test_nothing_is_started_where_nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    said = reason("ipu", DeviceConfig())
    assert said.startswith("no IPU is attached: /dev holds no ipu device")
    assert "[tool.accelbench.device.ipu]" in said
    assert "[tool.accelbench.device.ipu-model]" in reason("ipu-model", DeviceConfig())


def test_the_probe_needs_nothing_of_this_package() -> None:
    assert "accelbench." not in inspect.getsource(ipu_probe)
    assert ipu.MARK == ipu_probe.MARK
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", inspect.getsource(ipu_probe), "1"],
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [each for each in done.stdout.splitlines() if each]
    assert line.startswith(ipu.MARK + '{"reason": "its interpreter cannot import poptorch')
