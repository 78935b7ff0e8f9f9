"""One torch device behind one face: the platform's own module, and torch.accelerator from 2.6."""

from __future__ import annotations

import importlib
import os
from typing import Any, Callable, List, Optional, Tuple

import torch

from accelbench.records import Pairs, Scalar
from accelbench.workers import host
from accelbench.workers.loop import HOST, DeviceClock
from accelbench.workers.torch_events import event_clock

BACKENDS = {
    "cuda": "nccl",
    "xpu": "xccl",
    "hpu": "hccl",
    "npu": "hccl",
    "mlu": "cncl",
    "musa": "mccl",
}
"""The torch.distributed backend of a platform; gloo for every other."""

EXTENSIONS = {
    "xpu": "intel_extension_for_pytorch",
    "hpu": "habana_frameworks.torch",
    "npu": "torch_npu",
    "mlu": "torch_mlu",
    "musa": "torch_musa",
}
"""The package that brings a platform to a torch that does not have it, or does not load it."""

# Events that are no clock: Metal's commit the command buffer where they are recorded, and a Gaudi
# graph is queued as a whole, after them.
_NO_EVENTS = ("cpu", "mps", "hpu")


class TorchDevice:
    """One device of a platform of torch, as the way to train and the loop need it.

    `clock` stamps in the device's queue where its events keep time; elsewhere it is the host's and
    only an epoch's total, which ends in a synchronisation, is the device's own.
    """

    def __init__(self, platform: str, index: int, spaces: Tuple[Any, ...]) -> None:
        self.platform = platform
        alone = platform in {"cpu", "mps"}
        self.device = torch.device(platform) if alone else torch.device(platform, index)
        self.backend = BACKENDS.get(platform, "gloo")
        self._index = index
        self._spaces = spaces
        self._synchronize = self._verb("synchronize")
        if self._synchronize is None and platform != "cpu":
            raise RuntimeError(f"{platform} cannot be waited for, so not be timed: no synchronize")
        self.clock = self._clock()

    def synchronize(self) -> None:
        """Return when the device has done all that was queued; the CPU always has."""
        if self._synchronize is None:
            return
        if self.platform == "mps":
            self._synchronize()
        else:
            self._synchronize(self.device)

    def set_current(self) -> None:
        """Make it the device that this process uses where none is named."""
        choose = self._verb("set_device_index", "set_device_idx", "set_device")
        if choose is not None and self.platform != "mps":
            choose(self._index)

    def reset_peak_memory(self) -> None:
        """Let the allocator's peak begin again; the CPU's peak is the process's and stays."""
        reset = self._verb("reset_peak_memory_stats")
        if reset is not None and self.platform != "mps":
            reset(self.device)

    def peak_memory_bytes(self) -> int:
        """Return the most bytes of tensors that the allocator held, since the last reset.

        On the CPU the peak resident memory of the process; on Metal, whose allocator keeps no peak,
        what the driver has given it so far; 0 where the platform does not tell.
        """
        if self.platform == "cpu":
            return host.peak_memory_bytes()
        if self.platform == "mps":
            given = self._verb("driver_allocated_memory")
            return int(given()) if given is not None else 0
        peak = self._verb("max_memory_allocated")
        return int(peak(self.device)) if peak is not None else 0

    def treatment(self) -> Pairs:
        """Return what of the device, its libraries and their settings may change a number."""
        if self.platform == "cpu":
            return ()
        found: List[Tuple[str, Scalar]] = []
        name = self._verb("get_device_name")
        if name is not None:
            found.append(("device_name", str(name(self._index))))
        found += _versions(self.platform)
        if self.platform == "cuda":
            major, minor = torch.cuda.get_device_capability(self.device)
            found.append(("compute_capability", f"{major}.{minor}"))
        return (*found, *_settings(self.platform))

    def _verb(self, *names: str) -> Optional[Callable[..., Any]]:
        """Return the first function of these names: the platform's own, else torch.accelerator's.

        In this order: for a backend that fills it in part, torch.accelerator's memory functions
        answer 0 and its synchronisation raises, where the platform's own do what they say.
        """
        for space in self._spaces:
            for name in names:
                function = getattr(space, name, None)
                if callable(function):
                    return function  # type: ignore[no-any-return]  # found by name
        return None

    def _clock(self) -> DeviceClock:
        if self.platform in _NO_EVENTS:
            return HOST
        module = self._spaces[0]
        return (
            event_clock(
                lambda: module.Event(enable_timing=True),
                lambda: module.current_stream(self.device),
                self.synchronize,
            )
            or HOST
        )


def open_device(platform: str, index: int = 0) -> TorchDevice:
    """Return the device of a platform ("cpu", "cuda", "xpu", "mps", ...) with this number.

    RuntimeError, in one line, where this torch has no such platform or no device of this number.
    """
    if platform == "cpu":
        return TorchDevice(platform, index, ())
    if platform == "hpu" and os.environ.setdefault("PT_HPU_LAZY_MODE", "0") != "0":
        raise RuntimeError("hpu trains in eager mode here: unset PT_HPU_LAZY_MODE, or set it to 0")
    module = _module(platform)
    count = device_count(platform, module)
    if not count:
        raise RuntimeError(
            f"torch {torch.__version__} sees no {platform} device: check the driver, that this "
            f"torch was built for {platform}, and what limits the devices that it may see"
        )
    if index >= count:
        raise RuntimeError(f"{platform}:{index} does not exist: torch sees {count} {platform}")
    return TorchDevice(platform, index, (module, *_accelerator(platform)))


def device_count(platform: str, module: Any) -> int:  # noqa: ANN401  # a module, by its name
    """Return how many devices of a platform torch sees; `module` is torch's own for it."""
    for space in (*_accelerator(platform), module):
        count = getattr(space, "device_count", None)
        if count is not None:
            return int(count())
    # Older versions of torch.mps do not count: a Mac has one.
    backend = getattr(torch.backends, platform, module)
    return int(backend.is_available())


def _module(platform: str) -> Any:  # noqa: ANN401  # a module, by its name
    """Return torch.cuda, torch.xpu, ...; a platform's package is imported where it is missing."""
    extension = EXTENSIONS.get(platform)
    if extension is not None and not hasattr(torch, platform):
        try:
            importlib.import_module(extension)
        except ImportError as error:
            raise RuntimeError(
                f"torch {torch.__version__} has no {platform}: install {extension} for it ({error})"
            ) from None
    module = getattr(torch, platform, None)
    if module is None:
        raise RuntimeError(
            f"torch {torch.__version__} has no {platform}: install the torch build or the package "
            "that brings it, in the interpreter that the device's command names"
        )
    return module


def _accelerator(platform: str) -> Tuple[Any, ...]:
    """Return torch.accelerator where it speaks for this platform, else nothing."""
    space = getattr(torch, "accelerator", None)
    current = space.current_accelerator() if space is not None else None
    return (space,) if current is not None and current.type == platform else ()


def _versions(platform: str) -> List[Tuple[str, Scalar]]:
    """Return the versions of the libraries below torch."""
    found: List[Tuple[str, Scalar]] = []
    for name, attribute in (("cuda", "cuda"), ("rocm", "hip"), ("xpu", "xpu")):
        version = getattr(torch.version, attribute, None)
        if version and platform in {name, "cuda"}:
            found.append((f"{name}_version", str(version)))
    cudnn: Any = torch.backends.cudnn  # torch annotates it only in part
    if platform == "cuda" and cudnn.is_available():
        found.append(("cudnn_version", int(cudnn.version() or 0)))
    return found


def _settings(platform: str) -> List[Tuple[str, Scalar]]:
    """Return the switches that choose kernels and their precision."""
    found: List[Tuple[str, Scalar]] = [
        ("deterministic_algorithms", torch.are_deterministic_algorithms_enabled())
    ]
    if platform != "cuda":
        return found
    return [
        *found,
        ("matmul_allow_tf32", _switch(lambda: torch.backends.cuda.matmul.allow_tf32)),
        ("cudnn_allow_tf32", _switch(lambda: torch.backends.cudnn.allow_tf32)),
        ("cudnn_benchmark", _switch(lambda: torch.backends.cudnn.benchmark)),
    ]


def _switch(read: Callable[[], Any]) -> Scalar:
    """Return a setting; torch refuses to tell where its older and newer names disagree."""
    try:
        return bool(read())
    except RuntimeError:
        return "mixed"
