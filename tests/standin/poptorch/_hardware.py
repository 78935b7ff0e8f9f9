"""The IPUs of the machine, and who holds them."""

import os
import time

from ._errors import Error, from_cpp

_held = {}
_attempts = [0]


def _emulated():
    """poptorch 3.4, availability: with an IPU model chosen there is no hardware."""
    return any(os.environ.get("POPTORCH_" + name) for name in ("IPU_MODEL", "SMALL_IPU_MODEL"))


def _count():
    return int(os.environ.get("POPTORCH_STANDIN_IPUS", "1"))


def ipuHardwareIsAvailable(num_ipus=1):
    """poptorch 3.4, availability: whether so many IPUs exist, taken or not."""
    assert num_ipus > 0, "num_ipus must be positive"
    return not _emulated() and _count() >= num_ipus


def ipuHardwareVersion():
    """poptorch 3.4, availability: 1, 2 or 21; AssertionError where there is none."""
    assert ipuHardwareIsAvailable(), "No IPU hardware available"
    return int(os.environ.get("POPTORCH_STANDIN_VERSION", "2"))


def acquire(owner, options):
    """Take the IPUs of a model, one a replica; what emulates takes none.

    poptorch 3.4, exceptions: "Failed to acquire" where all are busy. Environment: with
    POPTORCH_WAIT_FOR_IPU it tries again every 15 s, without a limit.
    """
    if _emulated() or options.use_model:
        return
    wanted = options.replication_factor
    rounded = 1 << (wanted - 1).bit_length()
    if rounded != wanted and not options.auto_round_num_ipus:
        words = "{} IPUs are no power of 2: use {} or autoRoundNumIPUs(True)"
        raise from_cpp(Error, words.format(wanted, rounded))
    while not _free(rounded):
        if os.environ.get("POPTORCH_WAIT_FOR_IPU", "0") in ("", "0"):
            raise from_cpp(Error, f"Failed to acquire {rounded} IPU(s): all are in use")
        time.sleep(15)
    _held[id(owner)] = rounded


def _free(wanted):
    _attempts[0] += 1
    if _attempts[0] <= int(os.environ.get("POPTORCH_STANDIN_BUSY", "0")):
        return False
    return sum(_held.values()) + wanted <= _count()


def release(owner):
    """Give a model's IPUs back."""
    _held.pop(id(owner), None)
