"""A GPU of another host is looked for by the device's own interpreter, Python 3.8 perhaps."""

from __future__ import annotations

import importlib
import sys

from accelbench import codec


def test_a_workers_interpreter_finds_a_gpu_or_says_why_not() -> None:
    kind = importlib.import_module("accelbench.devices.gpu").KIND
    config = importlib.import_module("accelbench.devices").DeviceConfig((sys.executable,))
    found = kind.find("gpu-1", config)
    told = codec.to_json(found)
    assert isinstance(told, dict)
    if "reason" in told:
        assert found.reason.startswith(("no NVIDIA GPU can be used: ", "gpu-1 needs 1 GPU, "))
        assert "\n" not in found.reason
    else:
        assert found.units[0].startswith("gpu:")
        assert dict(kind.facts(found.units[:1]))["gpu_uuid"] == found.units[0][len("gpu:") :]
