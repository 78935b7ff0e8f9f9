"""Peak rates of GPUs as their makers state them: dense products, without structured sparsity.

Where a data sheet prints a rate with 2:4 sparsity, half of it stands here. Cards of the same chip
that differ by form factor or memory have rows of their own; a name that fits no row has no rate
here, and one is measured instead (`accelbench.workers.peak`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple

TERA = 1e12


@dataclass(frozen=True)
class Rate:
    """A GPU's peak rates in TFLOP/s by precision; 0 where the chip has no such product.

    `words` must all be in the name that the driver gives; the first row that fits counts.
    `float32` is the plain one, `tfloat32` that of the tensor cores on rounded inputs.
    """

    words: Tuple[str, ...]
    float32: float
    tfloat32: float
    bfloat16: float
    float16: float
    source: str


RATES = (
    Rate(("H200", "NVL"), 60, 417.5, 835.5, 835.5, "NVIDIA H200 data sheet, NVL"),
    Rate(("H200",), 67, 494.5, 989.5, 989.5, "NVIDIA H200 data sheet, SXM"),
    Rate(("GH200",), 67, 494.5, 989.5, 989.5, "NVIDIA GH200 data sheet"),
    Rate(("H100", "NVL"), 60, 417.5, 835.5, 835.5, "NVIDIA H100 data sheet, NVL"),
    Rate(("H100", "PCIE"), 51, 378, 756.5, 756.5, "NVIDIA H100 data sheet, PCIe"),
    Rate(("H100", "HBM3"), 67, 494.5, 989.5, 989.5, "NVIDIA H100 data sheet, SXM"),
    Rate(("A100",), 19.5, 156, 312, 312, "NVIDIA A100 data sheet"),
    Rate(("A40",), 37.4, 74.8, 149.7, 149.7, "NVIDIA A40 data sheet"),
    Rate(("A30",), 10.3, 82, 165, 165, "NVIDIA A30 data sheet"),
    Rate(("A10",), 31.2, 62.5, 125, 125, "NVIDIA A10 data sheet"),
    Rate(("L40S",), 91.6, 183, 362, 362, "NVIDIA L40S data sheet"),
    Rate(("L4",), 30.3, 60, 121, 121, "NVIDIA L4 data sheet"),
    Rate(("T4",), 8.1, 0, 0, 65, "NVIDIA T4 data sheet"),
    Rate(("V100", "SXM2"), 15.7, 0, 0, 125, "NVIDIA V100 data sheet, SXM2"),
    Rate(("V100", "PCIE"), 14, 0, 0, 112, "NVIDIA V100 data sheet, PCIe"),
    Rate(("V100S",), 16.4, 0, 0, 130, "NVIDIA V100S data sheet"),
    Rate(("MI300X",), 163.4, 653.7, 1307.4, 1307.4, "AMD Instinct MI300X data sheet"),
)

_PART = "MIG"
"""In the name of a slice of a GPU, which has a share of the whole one's rate."""


def stated(name: str, precision: str) -> Optional[Tuple[float, str]]:
    """Return a GPU's rate in FLOP/s and where it is stated; None where the table has none.

    `name` is the driver's, such as "NVIDIA A100-SXM4-80GB"; `precision` a field of `Rate`.
    """
    words = set(re.findall(r"[A-Z0-9]+", name.upper()))
    if _PART in words:
        return None
    for rate in RATES:
        if words.issuperset(rate.words):
            value = float(getattr(rate, precision, 0))
            return (value * TERA, f"{rate.source}, dense {precision}") if value else None
    return None
