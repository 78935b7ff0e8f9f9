"""What the SDK does not take of a workload: its words, our line in the workload file, advice."""

from __future__ import annotations

import os
import traceback
from typing import List, Optional

_CONSTANTS = "make constants where the data is: register_buffer in the model, or device=x.device"

# By a part of the SDK's or torch's words: what to write instead.
_ADVICE = (
    (
        "_local_scalar_dense",
        "no Python number can be taken out of a tensor in a step: use torch.where for a choice, "
        "and tensors in place of .item() and float()",
    ),
    (
        "outside of a step closure",
        "a tensor has no value while a step is traced: do not print or read it there",
    ),
    ("can't convert lazy", "no numpy in a step: use torch's operations"),
    (
        "nonzero",
        "all shapes must be known before the first step: use torch.where or a product with the "
        "mask in place of indexing with it",
    ),
    (
        "autocast",
        "a CSX computes in half precision by itself, as option half_dtype says: no autocast for it",
    ),
    ("incompatible devices", _CONSTANTS),
    ("same device", _CONSTANTS),
    ("torch-cirh-opt", "the interpreter's own folder must hold torch-cirh-opt: reinstall the SDK"),
    ("does not yet support", "the SDK has no such operation: write it with others"),
)


class RejectedError(RuntimeError):
    """A step that a CSX cannot run, or that fails before it comes to that."""

    # What is printed before the message is then the name alone.
    __module__ = "builtins"


def rejected(error: BaseException, workload_path: str, step: str) -> RejectedError:
    """Return what to raise for an error of the SDK while it traced or lowered a step.

    One line: the SDK's words, the innermost line of the workload file that led to them, advice.
    Where no advice is known it may be any fault of the workload, and nothing is said of the CSX.
    """
    words = _words(error)
    place = where(error, workload_path)
    advice = next((text for part, text in _ADVICE if part in str(error)), "")
    begin = f"the CSX cannot run this {step}" if advice else f"the {step} failed"
    return RejectedError("; ".join(filter(None, (f"{begin}: {words}", place, advice))))


def _words(error: BaseException) -> str:
    """Return what was raised and the first line that it says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def where(error: BaseException, workload_path: str) -> str:
    """Return the innermost line of the workload file on an error's way, and its text; else "".

    A lowering error carries the frames of the operation that could not be lowered.
    """
    found: List[traceback.FrameSummary] = []
    each: Optional[BaseException] = error
    while each is not None and not found:
        frames = traceback.extract_tb(each.__traceback__)
        found = [frame for frame in frames if _same(frame.filename, workload_path)]
        each = each.__cause__ or each.__context__
    if not found:
        return ""
    last = found[-1]
    return f"{_short(workload_path)}:{last.lineno} in {last.name}: {last.line}"


def _same(name: str, path: str) -> bool:
    return os.path.abspath(name) == os.path.abspath(path)  # noqa: PTH100  # a frame's own name


def _short(path: str) -> str:
    """Return a path from the current folder on, where it lies below that."""
    short = os.path.relpath(path)
    return path if short.startswith(os.pardir) else short


# How the SDK's errors of a running job end a run; by the names of their classes.
_STATES = {
    "ApplianceCorruptionError": "device_lost(corruption)",
    "ApplianceDeadlockError": "device_lost(deadlock)",
    "ApplianceHealthPollException": "device_lost(health)",
    "ApplianceNanError": "diverged",
    "ApplianceRuntimeJobTimeoutError": "interrupted(job_time_sec)",
    "ApplianceRuntimeServerError": "device_lost(runtime_server)",
    "ApplianceServiceInterrupted": "interrupted(service)",
    "ClusterJobCancelledByCsctl": "interrupted(csctl)",
}


def judged(error: BaseException) -> None:
    """Mark an error of the cluster with the state of the run that it ends, where it means one."""
    for kind in type(error).__mro__:
        if kind.__name__ in _STATES:
            error.run_state = _STATES[kind.__name__]  # type: ignore[attr-defined]  # read by name
            return
