"""What poptorch raises, told apart: a device that needs a reset, one that is taken, the rest."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from accelbench.workers.failure import DeviceLostError

BUSY = "Failed to acquire"
"""In poptorch's words: every IPU is taken."""

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


@contextmanager
def told_apart(poptorch: Any) -> Iterator[None]:  # noqa: ANN401  # a package without types
    """Raise DeviceLostError for what the device is the cause of; anything else passes."""
    try:
        yield
    except poptorch.Error as error:
        # At once: the attributes of some lie on their class, where the next error replaces them.
        action = str(getattr(error, "recovery_action", "") or "")
        kind = str(getattr(error, "type", "") or "")
        message = str(getattr(error, "message", "") or "").strip()
        lost = _lost(poptorch, error, action, _line(kind, message or str(error)))
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
    if BUSY in str(error):
        advice = f"see gc-monitor for who uses them, or set {WAIT_VARIABLE} = 1 in env to wait"
        return BusyError("busy", f"{said}; {advice}")
    return None


def _line(kind: str, message: str) -> str:
    """Return what was said as one line, with the SDK's name for this kind of error."""
    said = " ".join(message.split())
    return f"{kind}: {said}" if kind and kind not in said else said


@dataclass(frozen=True)
class Acquisition:
    """How an IPU is got: at once or not at all, or, where `waits`, as soon as there is one.

    poptorch's own waiting would pass for compiling: its variable is taken away, and the time from
    one attempt to the next is spent in the phase queue.
    """

    poptorch: Any
    waits: bool
    enter: Callable[[str], None]
    wait_seconds: float = WAIT_SECONDS

    def attempt(self, phase: str, action: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401  # an SDK's call
        """Return what an SDK's call returns that needs an IPU, made in this phase."""
        while True:
            try:
                with told_apart(self.poptorch):
                    return action(*arguments)
            except BusyError:
                if not self.waits:
                    raise
            self.enter("queue")
            time.sleep(self.wait_seconds)
            self.enter(phase)
