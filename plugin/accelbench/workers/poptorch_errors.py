"""What poptorch raises, told apart: a device that needs a reset, one that is taken, the rest."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from accelbench.workers.failure import DeviceLostError

BUSY = re.compile(r"Failed to acquire \d+ IPU\(s\)\s*(?:\Z|Error raised in)")
"""In poptorch's words: every IPU is taken.

Where the machine can never give so many, a line that explains it follows: that is no busy device.
"""

WAIT_SECONDS = 15.0
"""Between two attempts to get an IPU: as long as poptorch itself waits."""

WAIT_VARIABLE = "POPTORCH_WAIT_FOR_IPU"

RESETS = {
    "IPU_RESET": "reset the IPU (gc-reset) or run again: the next attach resets it",
    "LINK_RESET": "its links must be reset: ask whoever runs the IPUs, or reset the partition",
    "PARTITION_RESET": "reset the partition (vipu reset partition), or ask whoever runs the IPUs",
    "FULL_RESET": "the whole machine must be reset: ask whoever runs the IPUs",
}
"""What to do next, by the recovery action that poptorch names."""


class BusyError(DeviceLostError):
    """All IPUs are taken by others."""


MAY_WAIT = f"see gc-monitor for who uses them, or set {WAIT_VARIABLE} = 1 in env to wait"
TAKEN_SINCE = "others took them in between, which nothing can wait for: see gc-monitor, run again"


@contextmanager
def told_apart(poptorch: Any, busy: str = TAKEN_SINCE) -> Iterator[None]:  # noqa: ANN401  # a package without types
    """Raise DeviceLostError for what the device is the cause of; anything else passes.

    `busy` is the advice where all IPUs are taken.
    """
    try:
        yield
    except poptorch.Error as error:
        # At once: the attributes of some lie on their class, where the next error replaces them.
        action = str(getattr(error, "recovery_action", "") or "")
        kind = str(getattr(error, "type", "") or "")
        message = str(getattr(error, "message", "") or "").strip()
        said = message or str(error)
        lost = _lost(poptorch, error, action, _line(kind, said))
        if lost is None and BUSY.search(said):
            lost = BusyError("busy", f"{_line(kind, said)}; {busy}")
        if lost is None:
            raise
        raise lost from error


def _lost(
    poptorch: Any,  # noqa: ANN401  # a package without types
    error: Exception,
    action: str,
    said: str,
) -> DeviceLostError | None:
    if isinstance(error, poptorch.RecoverableError):
        advice = RESETS.get(action, "reset the IPU, or ask whoever runs the IPUs")
        return DeviceLostError(action.lower() or "recoverable", f"{said}; {advice}")
    if isinstance(error, poptorch.UnrecoverableError):
        advice = "the IPU must be taken out of use: tell whoever runs the IPUs"
        return DeviceLostError("unrecoverable", f"{said}; {advice}")
    return None


def _line(kind: str, message: str) -> str:
    """Return what was said as one line, with the SDK's name for this kind of error."""
    said = " ".join(message.split())
    return f"{kind}: {said}" if kind and kind not in said else said


@dataclass(frozen=True)
class Acquisition:
    """How a model's first IPU is got: at once or not at all, or, where `waits`, when there is one.

    poptorch's own waiting would pass for compiling: its variable is taken away, and the time from
    one attempt to the next is spent in the phase queue. Only what compiles may be tried again: a
    compiled model that could not be attached has lost its device, and takes the process with it.
    """

    poptorch: Any
    waits: bool
    enter: Callable[[str], None]
    wait_seconds: float = WAIT_SECONDS

    def compile(self, action: Callable[..., Any], *arguments: Any) -> None:  # noqa: ANN401  # an SDK's call
        """Make an SDK's call that compiles and so needs an IPU, in the phase compile."""
        while True:
            try:
                with told_apart(self.poptorch, MAY_WAIT):
                    action(*arguments)
                    return
            except BusyError:
                if not self.waits:
                    raise
            self.enter("queue")
            time.sleep(self.wait_seconds)
            self.enter("compile")
