"""Lets processes that this one spawns import this package, and nothing that lies beside it.

A worker's interpreter has the package in `sys.modules` alone; a spawned process is given `sys.path`
and imports from it what it unpickles.
"""

from __future__ import annotations

import os
import sys
import tempfile

import accelbench


class Importable:
    """A temporary folder on `sys.path` with the package in it, until `close`."""

    def __init__(self) -> None:
        package = os.path.dirname(os.path.abspath(accelbench.__file__))  # noqa: PTH100,PTH120  # as the worker was told it
        self._folder = tempfile.TemporaryDirectory(prefix="accelbench-")
        os.symlink(package, os.path.join(self._folder.name, "accelbench"))  # noqa: PTH118,PTH211  # as above
        sys.path.insert(0, self._folder.name)

    def close(self) -> None:
        """Take the folder off `sys.path`, and remove it."""
        if self._folder.name in sys.path:
            sys.path.remove(self._folder.name)
        self._folder.cleanup()
