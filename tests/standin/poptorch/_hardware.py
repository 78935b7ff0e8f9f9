"""The IPUs of the machine, and who holds them."""

import os
import time

from ._errors import Error, from_cpp

_held = {}
_attempts = [0]


def _emulated():
    """poptorch 3.4, availability: with an IPU model chosen there is no hardware."""
    return any(os.environ.get("POPTORCH_" + name) for name in ("IPU_MODEL", "SMALL_IPU_MODEL"))


def emulates(options):
    """poptorch 3.4: Options, useIpuModel; environment, POPTORCH_IPU_MODEL."""
    return _emulated() or options.use_model


def _count():
    return int(os.environ.get("POPTORCH_STANDIN_IPUS", "1"))


def ipuHardwareIsAvailable(num_ipus=1):
    """poptorch 3.4, availability: whether there is a device of so many IPUs, taken or not.

    Devices are of powers of two.
    """
    assert num_ipus > 0, "num_ipus must be positive"
    return not _emulated() and num_ipus & (num_ipus - 1) == 0 and _count() >= num_ipus


def ipuHardwareVersion():
    """poptorch 3.4, availability: 1, 2 or 21; AssertionError where there is none."""
    assert ipuHardwareIsAvailable(), "No IPU hardware available"
    return int(os.environ.get("POPTORCH_STANDIN_VERSION", "2"))


def acquire(owner, options):
    """Take the IPUs of a model, one a replica; what emulates takes none.

    poptorch 3.4, exceptions: "Failed to acquire" where all are busy; where there are not so many at
    all, a line below says so. Environment: with POPTORCH_WAIT_FOR_IPU it tries again every 15 s,
    without a limit.
    """
    if emulates(options):
        return
    wanted = options.replication_factor
    rounded = 1 << (wanted - 1).bit_length()
    if rounded != wanted and not options.auto_round_num_ipus:
        words = "{} IPUs are no power of 2: use {} or autoRoundNumIPUs(True)"
        raise from_cpp(Error, words.format(wanted, rounded))
    while not _free(rounded):
        if os.environ.get("POPTORCH_WAIT_FOR_IPU", "0") in ("", "0"):
            raise from_cpp(Error, f"Failed to acquire {rounded} IPU(s)" + _explained(rounded))
        time.sleep(15)
    _held[id(owner)] = rounded


def _explained(wanted):
    if wanted <= _count():
        return ""
    return f"\nNo device of {wanted} IPUs is in this system: another configuration is needed"


def _free(wanted):
    _attempts[0] += 1
    count, _, first = os.environ.get("POPTORCH_STANDIN_BUSY", "0").partition("@")
    if 0 <= _attempts[0] - int(first or 1) < int(count):
        return False
    return sum(_held.values()) + wanted <= _count()


def release(owner):
    """Give a model's IPUs back."""
    _held.pop(id(owner), None)
