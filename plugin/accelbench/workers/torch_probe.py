"""Says which devices of a platform torch sees: run by a device's interpreter, alone, on its host.

`python -c <this file> PLATFORM PACKAGE VARIABLE` prints one marked line of JSON, for modules and
shells that come up talk on stdout too: {"torch", "count", "names", "memory_bytes", "visible"}, or
{"reason"} where there is no such device. PACKAGE brings the platform to a torch that lacks it;
VARIABLE limits what a process sees. It imports nothing but torch: its host may have no more.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any, Callable, Dict, List, Optional, Tuple

MARK = "accelbench-torch-probe "


def look(platform: str, package: str, variable: str) -> Dict[str, Any]:
    """Return what torch says of a platform's devices."""
    try:
        import torch
    except Exception as error:  # a broken torch raises anything, in its own words
        return {"reason": "its interpreter cannot import torch: " + _line(error)}
    named = f"torch {torch.__version__}"
    if package and not hasattr(torch, platform):
        try:
            importlib.import_module(package)
        except Exception as error:  # a vendor's package too
            return {"reason": f"{named} has no {platform}, nor does {package}: {_line(error)}"}
    module = getattr(torch, platform, None)
    if module is None:
        return {"reason": f"{named} has no {platform}"}
    try:
        count = _count(torch, platform, module)
    except Exception as error:  # the driver's words, by way of torch
        return {"reason": f"{named} cannot use {platform}: {_line(error)}"}
    if not count:
        return {"reason": f"{named} sees no {platform} device"}
    return {
        "torch": str(torch.__version__),
        "count": count,
        "names": [_name(module, index) for index in range(count)],
        "memory_bytes": [_memory_bytes(torch, platform, module, index) for index in range(count)],
        "visible": os.environ.get(variable) if variable else None,
    }


def _accelerator(torch: Any, platform: str) -> Any:  # noqa: ANN401  # a module, or None
    """Return torch.accelerator where it speaks for this platform; it came with torch 2.6."""
    space = getattr(torch, "accelerator", None)
    current = space.current_accelerator() if space is not None else None
    return space if current is not None and current.type == platform else None


def _count(torch: Any, platform: str, module: Any) -> int:  # noqa: ANN401  # modules
    for space in (_accelerator(torch, platform), module):
        if hasattr(space, "device_count"):
            return int(space.device_count())
    # Older versions of torch.mps do not count: a Mac has one.
    return int(getattr(torch.backends, platform, module).is_available())


def _name(module: Any, index: int) -> Optional[str]:  # noqa: ANN401  # a module
    try:
        return str(module.get_device_name(index))
    except Exception:  # Metal has no such function; others ask a driver that may refuse
        return None


def _memory_bytes(
    torch: Any,  # noqa: ANN401  # modules
    platform: str,
    module: Any,  # noqa: ANN401
    index: int,
) -> Optional[int]:
    """Return a device's whole memory; what needs no context on the device is asked first."""
    ways: Tuple[Callable[[], Any], ...] = (
        lambda: module.get_device_properties(index).total_memory,
        lambda: module.recommended_max_memory(),  # noqa: PLW0108  # not there on every platform
        lambda: _accelerator(torch, platform).get_memory_info(index)[1],
        lambda: module.mem_get_info(index)[1],
    )
    for way in ways:
        try:
            return int(way())
        except Exception:  # not every platform has every function
            continue
    return None


def _line(error: BaseException) -> str:
    """Return the first line of what was raised; torch appends a stack."""
    lines: List[str] = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    # A line of its own, whatever was printed before it.
    print("\n" + MARK + json.dumps(look(*sys.argv[1:4])), flush=True)  # noqa: T201  # its one task
