"""NVIDIA's GPUs as their management library (NVML) tells of them; no framework is needed."""

from __future__ import annotations

from accelbench.nvml.facts import facts
from accelbench.nvml.gpus import Gpu, Visible, visible
from accelbench.nvml.library import NvmlError

__all__ = ["Gpu", "NvmlError", "Visible", "facts", "visible"]
