"""The rate at which a run's devices could have multiplied: what a model's own rate is a share of.

From the maker's data sheet where the table has the device, else measured right here. A training is
"float32" by its parameters; what its products may use is another matter. torch lets convolutions
round their inputs to TF32 on the tensor cores by default, matrix products not: the rate is that of
the fastest product the settings allow, so that no share exceeds 1 by its definition.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, Optional

import torch

from accelbench.workers.peak_table import stated

SIDES = (256, 512, 1024, 2048, 4096, 8192)
"""Sides of the square products, from small to large: which is fastest depends on the device."""

SECONDS = 0.3
"""How long the measurement takes."""

ROUNDS = 3
"""How often each size is tried at least."""

LONGEST = SECONDS / 10
"""No larger product is tried than fits into this many seconds: every size is tried often, for on a
shared host only the fastest of many short bursts was undisturbed."""


@dataclass(frozen=True)
class Peak:
    """FLOP/s of all devices of a run together, and where the number comes from."""

    flops_per_second: float
    source: str


def peak_flops_per_second(
    device: torch.device, precision: str, replicas: int, synchronize: Callable[[], None]
) -> Optional[Peak]:
    """Return the peak of `replicas` such devices in a precision ("float32", "bfloat16", ...).

    `synchronize` returns when the device has done all that was queued. Takes no time where a data
    sheet states it, else about 0.3 s. The source reads the same in every run on a machine. None
    where this torch cannot multiply in that precision there.
    """
    used = _used(device, precision)
    found = stated(torch.cuda.get_device_name(device), used) if device.type == "cuda" else None
    if found is not None:
        return Peak(found[0] * replicas, found[1])
    try:
        with _allowed(used):
            rate = measured(device, precision, synchronize)
    except (RuntimeError, TypeError):
        return None
    return Peak(rate * replicas, f"measured matrix product, {used}")


def _used(device: torch.device, precision: str) -> str:
    """Return the precision of the fastest product that the settings allow."""
    if precision != "float32" or device.type != "cuda" or torch.version.hip:
        return precision
    tensor_cores = torch.cuda.get_device_capability(device) >= (8, 0)
    return "tfloat32" if tensor_cores and _tf32_allowed() else precision


def _tf32_allowed() -> bool:
    try:
        return torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
    except RuntimeError:  # torch refuses to tell where its older and newer settings disagree
        return True


@contextmanager
def _allowed(used: str) -> Iterator[None]:
    """Let matrix products use TF32 too while they stand for what convolutions may use."""
    if used != "tfloat32":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@torch.no_grad()
def measured(device: torch.device, precision: str, synchronize: Callable[[], None]) -> float:
    """Return the FLOP/s of the fastest of many square products."""
    dtype: torch.dtype = getattr(torch, precision)
    deadline = time.perf_counter() + SECONDS
    squares: Dict[int, torch.Tensor] = {}
    fastest, rounds = 0.0, 0
    # The first product of a size also prepares its kernels: it is the later ones that count.
    while rounds < ROUNDS or time.perf_counter() < deadline:
        rounds += 1
        for side in SIDES:
            if side > SIDES[0] and 2.0 * side**3 > LONGEST * fastest:
                break
            if side not in squares:
                squares[side] = torch.rand(side, side, device=device).to(dtype)
            fastest = max(fastest, _rate(squares[side], synchronize))
    return fastest


def _rate(square: torch.Tensor, synchronize: Callable[[], None]) -> float:
    """Return the FLOP/s of one product of a matrix with itself."""
    product = torch.empty_like(square)
    synchronize()
    begun = time.perf_counter()
    torch.mm(square, square, out=product)
    synchronize()
    return float(2 * len(square) ** 3 / (time.perf_counter() - begun))
