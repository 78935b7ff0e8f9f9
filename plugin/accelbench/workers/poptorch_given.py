"""Refuses, before anything is compiled, what an option of a device cannot be: one line each."""

from __future__ import annotations

import os

from accelbench.workers.engine import Params
from accelbench.workers.poptorch_options import cache_folder
from accelbench.workers.poptorch_plan import LOADERS, OUTPUT_MODES


def check(given: Params, batch_size: int, steps: int, *, augments: bool, emulated: bool) -> None:
    """Raise ValueError for the first option that fits nothing; make the cache's folder.

    `batch_size`: samples of one replica for one update; `steps` of an epoch; `augments`: whether
    the workload changes its inputs; what is `emulated` has no cache of executables.
    """
    loader, share = given.text("loader"), given.number("available_memory_proportion")
    accumulation, wanted = given.count("gradient_accumulation"), given.count("device_iterations")
    mode = given.text("output_mode")
    if loader not in LOADERS:
        raise _wrong("loader", "resident, sync or async", repr(loader))
    if loader == "async" and augments:
        why = ": what augments this workload cannot be sent to the process that loads"
        raise _wrong("loader", "resident or sync", "'async'" + why)
    if mode not in OUTPUT_MODES:
        why = ": the SDK's others lose the losses of most steps, sum returns as little"
        raise _wrong("output_mode", "all or sum", repr(mode) + why)
    if accumulation < 1 or batch_size % accumulation:
        must = f"a divisor of the batch size {batch_size}, which it splits into micro-batches"
        raise _wrong("gradient_accumulation", must, str(accumulation))
    if not 0 <= wanted <= steps:
        must = f"at most {steps}, the steps of an epoch, or 0 to be chosen"
        raise _wrong("device_iterations", must, str(wanted))
    if not 0 <= share <= 1:
        must = "above 0 and at most 1, or 0 for the SDK's own"
        raise _wrong("available_memory_proportion", must, f"{share:g}")
    if not emulated:
        _make(cache_folder(given))


def _wrong(name: str, must: str, found: str) -> ValueError:
    return ValueError(f"option {name} must be {must}, not {found}")


def _make(folder: str) -> None:
    if not folder:
        return
    try:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103  # the SDK takes a text
    except OSError as error:
        why = f"{folder}: {error.strerror}"
    else:
        if os.access(folder, os.W_OK | os.X_OK):
            return
        why = f"{folder}: it cannot be written"
    raise _wrong("executable_cache", "a folder (POPTORCH_CACHE_DIR where it is empty)", why)
