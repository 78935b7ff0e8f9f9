"""Data sets: one file each, found by listing this folder; decoded once, then memory-mapped."""

from __future__ import annotations

from accelbench.data.cache import DataDamagedError, DataMissingError, prepare
from accelbench.data.dataset import DataSet, dataset, names

__all__ = ["DataDamagedError", "DataMissingError", "DataSet", "dataset", "names", "prepare"]
