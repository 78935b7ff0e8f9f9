"""The CPU as an accelerator of torch: what a vendor's package does, in Python, for tests.

Importing it registers the platform "npu" with one device by torch's own means (torch.accelerator,
devices, dispatch, autograd), and runs its operations on tensors of the CPU. ImportError where this
torch registers no accelerator from Python. Nothing that is made on it is ever freed.
"""

# ruff: noqa: ANN401  # an operation's arguments are anything
# ruff: noqa: ARG004  # torch calls them with these

from __future__ import annotations

from typing import Any

import torch
from torch.utils import backend_registration
from torch.utils._pytree import tree_flatten, tree_map

if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
    raise ImportError(f"torch {torch.__version__} registers no accelerator from Python")

NAME = "CPU as npu"


class Module:
    """What becomes torch.npu."""

    synchronised = 0

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def is_initialized() -> bool:
        return True

    @staticmethod
    def _is_in_bad_fork() -> bool:
        return False

    @staticmethod
    def manual_seed_all(seed: int) -> None: ...

    @staticmethod
    def device_count() -> int:
        return 1

    @staticmethod
    def current_device() -> int:
        return 0

    @staticmethod
    def set_device(index: int) -> None: ...

    @staticmethod
    def get_device_name(index: int) -> str:
        return NAME

    @staticmethod
    def mem_get_info(index: int) -> tuple[int, int]:
        return 1 << 20, 1 << 32

    @classmethod
    def synchronize(cls, device: Any = None) -> None:  # noqa: ARG003
        cls.synchronised += 1

    @staticmethod
    def reset_peak_memory_stats(device: Any = None) -> None:
        _peak[0] = 0

    @staticmethod
    def max_memory_allocated(device: Any = None) -> int:
        return _peak[0]


class There(torch.Tensor):
    """A tensor on the accelerator; of a class of its own, for nn.Parameter to leave it alone."""


# By a tensor's storage, which its copies in C++ share: the CPU's tensor behind it.
_behind: dict[int, torch.Tensor] = {}
_kept: list[torch.UntypedStorage] = []  # the address of one that is gone would be used again
_peak = [0]


def _wrapped(here: torch.Tensor) -> torch.Tensor:
    # As it looks from outside, for torch computes views from that: dense, and at the beginning.
    if not here.is_contiguous() or here.storage_offset():
        here = here.clone(memory_format=torch.contiguous_format)
    there: torch.Tensor = torch._C._acc.create_empty_tensor(tuple(here.shape), here.dtype)
    there.__class__ = There
    storage = there.untyped_storage()
    _kept.append(storage)
    _behind[storage._cdata] = here
    _peak[0] += here.numel() * here.element_size()
    return there


def _unwrapped(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.device.type == "npu":
        return _behind[value.untyped_storage()._cdata]
    if isinstance(value, torch.device) and value.type == "npu":
        return torch.device("cpu")
    return value


def _run(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """Run any operation on the CPU's tensors; what it changed in place is returned as it came."""
    values = tree_flatten((args, kwargs))[0]
    given = {id(_unwrapped(v)): v for v in values if isinstance(v, torch.Tensor)}
    leaves = str(kwargs.get("device")) == "cpu"
    args, kwargs = tree_map(_unwrapped, (args, kwargs))
    result = operation(*args, **kwargs)

    def returned(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or leaves:
            return value
        return given[id(value)] if id(value) in given else _wrapped(value)

    return tree_map(returned, result)


def _copy(source: torch.Tensor, target: torch.Tensor, *_: bool) -> torch.Tensor:
    _unwrapped(target).copy_(_unwrapped(source))
    return target


def _detach(value: torch.Tensor) -> torch.Tensor:
    return _wrapped(_unwrapped(value))


def _convolution(*args: Any) -> Any:
    return _run(torch.ops.aten.convolution.default, *args)


def _convolution_backward(gradient: Any, inputs: Any, weight: Any, *rest: Any) -> Any:
    operation = torch.ops.aten.convolution_backward.default
    return _run(operation, gradient, inputs, weight, [weight.shape[0]], *rest)


backend_registration._setup_privateuseone_for_python_backend("npu", backend_module=Module)
_library: Any = torch.library.Library  # torch annotates it only in part
_every = _library("_", "IMPL")
_every.fallback(_run, "PrivateUse1")
_aten = _library("aten", "IMPL")
_aten.impl("_copy_from", _copy, "PrivateUse1")
_aten.impl("convolution_overrideable", _convolution, "PrivateUse1")
_aten.impl("convolution_backward_overrideable", _convolution_backward, "PrivateUse1")
_aten.impl("detach", _detach, "PrivateUse1")
_aten.impl("detach", _detach, "AutogradPrivateUse1")
