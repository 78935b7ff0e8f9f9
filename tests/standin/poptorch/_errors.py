"""poptorch 3.4: exceptions. Those of the C++ side carry their attributes on the class."""

import os


class Error(Exception):
    """Has `type`, `message` and `location`."""

    type = ""
    message = ""
    location = ""


class RecoverableError(Error):
    """Has `recovery_action` too: IPU_RESET, LINK_RESET, PARTITION_RESET or FULL_RESET."""

    recovery_action = ""


class UnrecoverableError(Error):
    """The machine must be taken out of use."""


def from_python(message):
    """Return an error of the Python side, whose attributes are the exception's own."""
    error = Error(message)
    error.type, error.message, error.location = "poptorch_py_error", message, ""
    return error


def from_cpp(kind, message, what="poptorch_cpp_error", action=""):
    """Return an error of the C++ side.

    poptorch 3.4, exceptions: the attributes are set on the class, so that the next error of the
    class overwrites them: they must be read at once.
    """
    kind.type, kind.message = what, message
    kind.location = "PopARTExecution::run, stand-in"
    if action:
        kind.recovery_action = action
    return kind(f"{message}\nError raised in:\n  [0] {kind.location}")


def fault(place):
    """Raise what POPTORCH_STANDIN_FAULT asks for at this place: a call's number, or "compile"."""
    kind, _, where = os.environ.get("POPTORCH_STANDIN_FAULT", "").partition("@")
    if not kind or where != str(place):
        return
    if kind == "error":
        raise from_cpp(Error, "Out of memory on tile 7: 638.1 kB of 624 kB", "poplar_graph_memory")
    if kind == "unrecoverable":
        words = "Host-to-IPU exchange fault, SoC alarm raised"
        raise from_cpp(UnrecoverableError, words, "poplar_unrecoverable_runtime_error")
    words = "[Recoverable] An IPU was lost: " + kind
    what = "poplar_recoverable_runtime_error"
    raise from_cpp(RecoverableError, words, what, kind.upper())
