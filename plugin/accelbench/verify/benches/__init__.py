"""The benches, one file each; a file's TASKS are what it runs."""

from __future__ import annotations
