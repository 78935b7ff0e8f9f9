"""Any other accelerator of torch: asked for in the device's interpreter, found or told why not.

A torch of another day is a small module on the interpreter's path; where the installed torch can
register an accelerator from Python, it is asked too.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from accelbench import asking
from accelbench.devices import Found, Unavailable, UnknownDeviceError, accelerator, kind_of
from accelbench.interpreter import DeviceConfig
from accelbench.workers import torch_probe

# A torch as before 2.6: no torch.accelerator, and a platform's own module with what it had.
OLDER = """
import os, sys, types
print("Initialising the pretend runtime", end="")
print("a warning", file=sys.stderr)
__version__ = "2.4.1"
class xpu:
    @staticmethod
    def device_count():
        open(os.environ["ASKED"], "a").write("x")
        mask = os.environ.get("ZE_AFFINITY_MASK")
        return len(mask.split(",")) if mask else 4
    @staticmethod
    def get_device_name(index): return "Pretend Max 1550"
    @staticmethod
    def get_device_properties(index): return types.SimpleNamespace(total_memory=2**36 + index)
"""


@pytest.fixture(autouse=True)
def asked(tmp_path: Path) -> Path:
    """Where the pretend torch notes that it was asked; what was answered before is forgotten."""
    accelerator._ask.cache_clear()
    return tmp_path / "asked"


def config(folder: Path, torch: str, **env: str) -> DeviceConfig:
    """Return the configuration of an interpreter that imports this torch."""
    (folder / "torch.py").write_text(torch)
    given = {"PYTHONPATH": str(folder), "ASKED": str(folder / "asked"), **env}
    return DeviceConfig((sys.executable,), env=tuple(sorted(given.items())))


def reason(device: str, configured: DeviceConfig) -> str:
    """Return why a device is not there, which is one line."""
    found = kind_of(device).find(device, configured)
    assert isinstance(found, Unavailable)
    assert found.device == device
    assert "\n" not in found.reason
    return found.reason


# -------------------------------------------------------------------------------------------- ids
@pytest.mark.parametrize(
    "name", ["xpu", "xpu-1", "xpu-12", "hpu-8", "npu", "mlu-2", "musa-1", "mps"]
)
def test_a_platform_of_torch_is_a_device(name: str) -> None:
    assert kind_of(name).name == accelerator.KIND.name
    assert kind_of(name).marks(name) == (name,)


@pytest.mark.parametrize("name", ["mps-2", "xpu-0", "xpu-", "cuda", "cuda-1", "mtia", "xpu2"])
def test_what_is_none_is_told_what_is(name: str) -> None:
    with pytest.raises(UnknownDeviceError) as caught:
        kind_of(name)
    for platform in accelerator.PLATFORMS:
        assert platform in str(caught.value)


def test_every_platform_that_an_id_may_name_has_its_row() -> None:
    assert all(accelerator.KIND.knows(name) for name in accelerator.PLATFORMS)
    assert accelerator.MARK == torch_probe.MARK


def test_session_and_worker_name_the_same_package_for_a_platform() -> None:
    # Read, not imported: the worker's side would import torch.
    source = Path(torch_probe.__file__).with_name("torch_device.py").read_text(encoding="utf-8")
    (worker,) = [
        ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXTENSIONS"
    ]
    assert worker == {n: p.package for n, p in accelerator.PLATFORMS.items() if p.package}


# ------------------------------------------------------------------------------------------ found
def test_two_of_four_devices_are_found_with_memory_and_the_variable_that_shows_them(
    tmp_path: Path,
) -> None:
    found = kind_of("xpu-2").find("xpu-2", config(tmp_path, OLDER))
    assert found == Found(
        "xpu-2",
        "Pretend Max 1550",
        units=("xpu:0", "xpu:1", "xpu:2", "xpu:3"),
        facts=(("device_memory_bytes", str(2**36)),),
        count=2,
        replicas=2,
        platform="xpu",
        visibility="ZE_AFFINITY_MASK",
    )
    assert found.seen(("xpu:1", "xpu:3")) == {"ZE_AFFINITY_MASK": "1,3"}


def test_devices_that_a_variable_shows_keep_the_names_that_it_gives_them(tmp_path: Path) -> None:
    limited = config(tmp_path, OLDER, ZE_AFFINITY_MASK="2, 5")
    found = kind_of("xpu").find("xpu", limited)
    assert isinstance(found, Found)
    assert (found.units, found.count, found.replicas) == (("xpu:2", "xpu:5"), 1, 1)
    assert found.seen(found.units[1:]) == {"ZE_AFFINITY_MASK": "5"}


def test_a_variable_that_does_not_name_every_device_is_refused(tmp_path: Path) -> None:
    torch = OLDER.replace('return len(mask.split(",")) if mask else 4', "return 4")
    said = reason("xpu-1", config(tmp_path, torch, ZE_AFFINITY_MASK="0,1"))
    assert said == ("ZE_AFFINITY_MASK=0,1 names 2 devices, torch sees 4: name each by its number")


def test_too_few_devices_are_counted(tmp_path: Path) -> None:
    said = reason("xpu-5", config(tmp_path, OLDER))
    assert said == "it needs 5 xpu devices, torch sees 4"


def test_ids_of_one_platform_share_one_question(tmp_path: Path, asked: Path) -> None:
    configured = config(tmp_path, OLDER)
    for device in ("xpu", "xpu-1", "xpu-4", "xpu-5"):
        kind_of(device).find(device, configured)
    assert asked.read_text() == "x"


def test_names_and_memory_that_torch_cannot_tell_are_left_out(tmp_path: Path) -> None:
    torch = '__version__ = "2.3"\nclass mlu:\n    device_count = staticmethod(lambda: 1)\n'
    found = kind_of("mlu").find("mlu", config(tmp_path, torch))
    assert found == Found(
        "mlu", "mlu", units=("mlu:0",), platform="mlu", visibility="MLU_VISIBLE_DEVICES"
    )


def test_an_older_mac_is_one_device_that_nothing_limits(tmp_path: Path) -> None:
    torch = (
        "import types\n"
        '__version__ = "2.1.0"\n'
        "mps = types.SimpleNamespace(recommended_max_memory=lambda: 12345)\n"
        "backends = types.SimpleNamespace(\n"
        "    mps=types.SimpleNamespace(is_available=lambda: True))\n"
    )
    found = kind_of("mps").find("mps", config(tmp_path, torch))
    assert isinstance(found, Found)
    assert (found.model, found.units, found.platform) == ("mps", ("mps:0",), "mps")
    assert found.facts == (("device_memory_bytes", "12345"),)
    assert found.seen(found.units) == {}


def test_a_package_brings_the_platform_to_a_torch_that_lacks_it(tmp_path: Path) -> None:
    (tmp_path / "torch_npu.py").write_text(
        "import torch, types\n"
        "torch.npu = types.SimpleNamespace(device_count=lambda: 2,\n"
        "    get_device_name=lambda index: ('Ascend910A', 'Ascend910B')[index])\n"
    )
    found = kind_of("npu-2").find("npu-2", config(tmp_path, '__version__ = "2.1.0"\n'))
    assert isinstance(found, Found)
    assert found.model == "Ascend910A + Ascend910B"
    assert found.visibility == "ASCEND_RT_VISIBLE_DEVICES"


def test_of_several_hosts_each_holds_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An ssh that stays here: it leaves out its options and runs the last argument.
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    here = config(tmp_path, OLDER)
    there = DeviceConfig(here.command, env=here.env, ssh=("one", "other"))
    found = kind_of("xpu-8").find("xpu-8", there)
    assert isinstance(found, Found)
    assert (len(found.units), found.count, found.replicas) == (8, 8, 8)
    assert reason("xpu-9", there) == "it needs 5 xpu devices, torch sees 4"


# ---------------------------------------------------------------------------------------- absent
@pytest.mark.parametrize(
    ("torch", "said"),
    [
        (
            'raise OSError("libze_loader.so.1: cannot open\\nand more")\n',
            "its interpreter cannot import torch: libze_loader.so.1: cannot open",
        ),
        ('__version__ = "1.9"\n', "torch 1.9 has no xpu, nor does intel_extension_for_pytorch: "),
        (
            '__version__ = "2.4"\nclass xpu:\n    device_count = staticmethod(lambda: 0)\n',
            "torch 2.4 sees no xpu device",
        ),
        (
            '__version__ = "2.4"\nclass xpu:\n    def device_count():\n'
            '        raise RuntimeError("Level-Zero error: 1879048193\\n  at stack")\n'
            "    device_count = staticmethod(device_count)\n",
            "torch 2.4 cannot use xpu: Level-Zero error: 1879048193",
        ),
        ("import os\nos._exit(3)\n", "its interpreter ended with status 3"),
        (
            'import os, sys\nprint("no licence", file=sys.stderr, flush=True)\nos._exit(1)\n',
            "its interpreter ended with status 1: no licence",
        ),
    ],
)
def test_what_is_missing_is_told_in_the_devices_own_words(
    tmp_path: Path, torch: str, said: str
) -> None:
    assert reason("xpu-1", config(tmp_path, torch)).startswith(said)


def test_an_interpreter_that_does_not_exist_is_named() -> None:
    said = reason("hpu-1", DeviceConfig(("/nonexistent/python",)))
    assert said == ("its interpreter /nonexistent/python does not start: No such file or directory")


def test_an_interpreter_that_hangs_is_ended_and_nothing_is_left_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ASK_SECONDS", 1)
    note = tmp_path / "pid"
    hangs = DeviceConfig(setup=f"sleep 300 &\necho $! > {note}; wait")
    assert reason("xpu-1", hangs) == "its interpreter did not say within 1 s what torch sees"
    state = Path("/proc", note.read_text().strip(), "stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_what_a_setup_leaves_behind_does_not_hold_the_session(tmp_path: Path) -> None:
    left = config(tmp_path, OLDER)
    left = DeviceConfig(left.command, setup="echo hello; sleep 300 &", env=left.env)
    assert isinstance(kind_of("xpu").find("xpu", left), Found)


# ------------------------------------------------------------------------------- the real torch
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)

REGISTERED = Path(__file__).parents[1] / "workers" / "accelerator_from_python"


@needs_torch
def test_an_accelerator_that_is_registered_with_the_installed_torch_is_found() -> None:
    env = {"PYTHONPATH": str(REGISTERED), "CUDA_VISIBLE_DEVICES": ""}
    found = kind_of("npu-1").find("npu-1", DeviceConfig(env=tuple(env.items())))
    if isinstance(found, Unavailable) and "registers no accelerator from Python" in found.reason:
        pytest.skip(found.reason)
    assert isinstance(found, Found), found
    assert (found.model, found.units, found.count) == ("CPU as npu", ("npu:0",), 1)
    assert found.facts == (("device_memory_bytes", str(2**32)),)


@needs_torch
def test_the_installed_torch_says_of_each_absent_platform_that_it_is_absent(
    tmp_path: Path,
) -> None:
    # One interpreter asks for all: torch takes seconds to come up.
    script = (
        "import json, sys, torch\n"
        "from accelbench.workers.torch_probe import look\n"
        "print(json.dumps([torch.__version__, {name: look(name, '', '')"
        " for name in ('xpu', 'hpu', 'mlu', 'mps')}]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    version, answers = json.loads(done.stdout.splitlines()[-1])
    for name, answer in answers.items():
        assert answer.get("count", 0) or answer["reason"] in {
            f"torch {version} sees no {name} device",
            f"torch {version} has no {name}",
        }


def test_the_probe_needs_nothing_but_torch() -> None:
    assert "accelbench." not in inspect.getsource(torch_probe)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", inspect.getsource(torch_probe), "xpu", "", ""],
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [each for each in done.stdout.splitlines() if each]
    assert json.loads(line.removeprefix(torch_probe.MARK)) == {
        "reason": "its interpreter cannot import torch: No module named 'torch'"
    }
