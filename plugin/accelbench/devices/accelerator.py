"""xpu-N, hpu-N, npu-N, mlu-N, musa-N, mps: any other accelerator that torch knows.

The session imports no framework: the device's own interpreter is asked, in a short process, what
torch sees there. It takes seconds, so none of these ids is on offer by default: they are named by
--device or in pyproject.toml.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

import accelbench
from accelbench.devices.kind import DeviceKind, Found, Unavailable
from accelbench.interpreter import DeviceConfig

MARK = "accelbench-torch-probe "
"""What stands before the answer, on its line."""

ASK_SECONDS = 55
"""Torch may come up from a slow file system; a host that is asked from another has a minute."""


@dataclass(frozen=True)
class Platform:
    """A platform's `package`, which brings it to a torch that lacks it, and its `variable`.

    The variable limits which devices a process sees: a list of numbers.
    """

    package: str = ""
    variable: str = ""


# Gaudi's module ids (those of HABANA_VISIBLE_DEVICES are a container's) and Ascend's are documented
# by their makers; the names for xpu, mlu and musa are in use elsewhere and were not tried.
PLATFORMS = {
    "hpu": Platform("habana_frameworks.torch", "HABANA_VISIBLE_MODULES"),
    "mlu": Platform("torch_mlu", "MLU_VISIBLE_DEVICES"),
    "mps": Platform(),
    "musa": Platform("torch_musa", "MUSA_VISIBLE_DEVICES"),
    "npu": Platform("torch_npu", "ASCEND_RT_VISIBLE_DEVICES"),
    "xpu": Platform("intel_extension_for_pytorch", "ZE_AFFINITY_MASK"),
}


@dataclass(frozen=True)
class Seen:
    """What torch says of a platform's devices, and what limits it; None is what it cannot say."""

    names: tuple[str | None, ...]
    memory_bytes: tuple[int | None, ...]
    visible: str | None


def find(device: str, config: DeviceConfig) -> Found | Unavailable:
    """Find N devices of a platform, as torch in the device's interpreter sees them."""
    name, _, number = device.partition("-")
    replicas = int(number or 1)
    seen = _ask(name, config)
    if isinstance(seen, str):
        return Unavailable(device, seen)
    there = len(seen.names)
    if there < replicas:
        return Unavailable(device, f"it needs {replicas} {name} devices, torch sees {there}")
    variable = PLATFORMS[name].variable
    # Where the variable is set already, its entries are the devices' names for it.
    given = [each.strip() for each in (seen.visible or "").split(",") if each.strip()]
    units = given or [str(index) for index in range(there)]
    if len(units) != there:
        said = f"{variable}={seen.visible} names {len(units)} devices, torch sees {there}"
        return Unavailable(device, f"{said}: name each by its number")
    known = [size for size in seen.memory_bytes if size]
    return Found(
        device,
        " + ".join(sorted({model for model in seen.names if model})) or name,
        units=tuple(f"{name}:{unit}" for unit in units),
        facts=(("device_memory_bytes", str(min(known))),) if known else (),
        count=replicas,
        replicas=replicas,
        platform=name,
        visibility=variable,
    )


@lru_cache(maxsize=64)  # `cache` is missing where the oldest worker looks for its device
def _ask(name: str, config: DeviceConfig) -> Seen | str:
    """Return what torch says of a platform, or in one line why there is no such device.

    Asked once for each platform and interpreter: xpu-1 and xpu-2 share an answer.
    """
    import subprocess  # collecting does without it

    platform, interpreter = PLATFORMS[name], config.interpreter()
    probe = Path(accelbench.__file__).parent / "workers" / "torch_probe.py"
    source = probe.read_text(encoding="utf-8")
    env = config.environment()
    line = interpreter.line(("-c", source, name, platform.package, platform.variable), env)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            status = _run(line, env, out, err)
        except subprocess.TimeoutExpired:
            return f"its interpreter did not say within {ASK_SECONDS} s what torch sees"
        except OSError as error:
            return f"its interpreter {line[0]} does not start: {error.strerror}"
        return _read(_text(out)) or _silent(status, _text(err))


def _run(line: tuple[str, ...], env: dict[str, str], out: IO[bytes], err: IO[bytes]) -> int:
    """Run a command to its end and return its status; nothing that it started is left.

    It writes into files: a process that a setup leaves behind would hold a pipe open.
    """
    import subprocess

    process = subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env={**os.environ, **env},
        start_new_session=True,
    )
    try:
        return process.wait(timeout=ASK_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _read(text: str) -> Seen | str | None:
    """Return what the last marked line says; None where there is none."""
    marked = [line for line in text.splitlines() if line.startswith(MARK)]
    if not marked:
        return None
    answer = json.loads(marked[-1][len(MARK) :])
    if "reason" in answer:
        return str(answer["reason"])
    return Seen(tuple(answer["names"]), tuple(answer["memory_bytes"]), answer["visible"])


def _silent(status: int, errors: str) -> str:
    """Say how an interpreter ended that gave no answer, with its last words."""
    said = [line.strip() for line in errors.splitlines() if line.strip()]
    return f"its interpreter ended with status {status}" + (f": {said[-1]}" if said else "")


KIND = DeviceKind(
    "accelerator",
    ids=(),
    pattern=r"(xpu|hpu|npu|mlu|musa)(-[1-9]\d*)?|mps",
    find=find,
)
