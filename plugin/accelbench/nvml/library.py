"""NVML, opened for a moment; what it does not tell is None, and its failures are one line.

All of this package runs on Python 3.8 too: where a device is another host's, its own interpreter
looks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

# What NVML gives for a GPU or an instance: to be handed back to it, and nothing else.
Handle = Any


class NvmlError(Exception):
    """NVML cannot be used here; one line, in NVML's own words."""


@contextmanager
def opened() -> Iterator[ModuleType]:
    """Open NVML and yield its binding; NvmlError where there is no driver, library or permission.

    The binding is imported here, not with this module: most sessions never ask for a GPU.
    """
    try:
        import pynvml
    except ImportError:
        raise NvmlError(
            f"{sys.executable} has no nvidia-ml-py: python -m pip install nvidia-ml-py"
        ) from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NvmlError(f"NVML says: {error}") from None
    try:
        yield pynvml
    except pynvml.NVMLError as error:
        raise NvmlError(f"NVML says: {error}") from None
    finally:
        pynvml.nvmlShutdown()


def told(nvml: ModuleType, name: str, *args: object) -> Any:  # noqa: ANN401  # each function's own
    """Return what NVML's function of this name answers; None where it gives no answer.

    The GPU, its driver or our rights may not let it, and a binding may be older or newer than it.
    """
    ask = getattr(nvml, name, None)
    if ask is None:
        return None
    try:
        return ask(*args)
    except (nvml.NVMLError, nvml.NVMLLibraryMismatchError):
        return None
