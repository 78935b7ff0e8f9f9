"""Says what poptorch sees: run by a device's interpreter, alone, on its host.

`python -c <this file> IPUS` prints one marked line of JSON, for an SDK that comes up talks on
stdout too: {"poptorch", "torch", "version"}, or {"reason"} where so many IPUs are not there, with
"missing" true where there is no SDK. IPUS is a power of two: of others the SDK knows none. With
0 IPUs it asks for the SDK alone, which can emulate one; `version` is the hardware's. It imports
nothing but poptorch: its host may have no more.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Dict, List

MARK = "accelbench-ipu-probe "


def look(ipus: int) -> Dict[str, Any]:
    """Return what poptorch says of the IPUs; none is taken."""
    try:
        import poptorch  # type: ignore[import-not-found,unused-ignore]  # it comes with an SDK
        import torch
    except Exception as error:  # a broken SDK raises anything, in its own words
        return {"reason": _not_imported(error), "missing": True}
    named = f"poptorch {poptorch.__version__}"
    answer = {"poptorch": str(poptorch.__version__), "torch": str(torch.__version__)}
    try:
        if not ipus:
            return answer
        if poptorch.ipuHardwareIsAvailable(ipus):
            return {**answer, "version": int(poptorch.ipuHardwareVersion())}
        more = ipus > 1 and poptorch.ipuHardwareIsAvailable(1)
    except Exception as error:  # the driver's words, by way of poptorch
        return {"reason": f"{named} cannot ask for IPUs: {_line(error)}"}
    return {
        "reason": f"it needs {ipus} IPUs, {named} sees fewer" if more else f"{named} sees no IPU"
    }


def _not_imported(error: Exception) -> str:
    """Say why poptorch cannot be imported, and what to do about it."""
    if isinstance(error, AssertionError):
        advice = "make `command` an interpreter that has the torch this SDK was built for"
        return f"poptorch does not fit its torch: {_line(error)}; {advice}"
    said = f"its interpreter cannot import poptorch: {_line(error)}"
    if isinstance(error, ModuleNotFoundError) and error.name in {"poptorch", "torch"}:
        return f"{said}; make `command` an interpreter that has the SDK's poptorch and its torch"
    if isinstance(error, ImportError):
        return f"{said}; enable the SDK in `setup`: source .../enable.sh"
    return said


def _line(error: BaseException) -> str:
    """Return the first line of what was raised, or what it is."""
    lines: List[str] = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


if __name__ == "__main__":
    # A line of its own, whatever was printed before it.
    print("\n" + MARK + json.dumps(look(int(sys.argv[1]))), flush=True)  # noqa: T201  # its one task
