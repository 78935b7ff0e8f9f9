"""Failures that say what became of a run: an exception's `run_state` is the Run's state."""

from __future__ import annotations


class DeviceLostError(Exception):
    """A device stopped working under a run; `what` it needs becomes the state's detail.

    `message` says what happened, in the SDK's words, and what to do next.
    """

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.run_state = f"device_lost({what})"


class UnsupportedError(Exception):
    """What a workload asks for and a device's SDK has not: a test on it is skipped, not failed.

    Its message names both, in one line.
    """

    run_state = "unsupported"
