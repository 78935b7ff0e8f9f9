"""The proof suite: simulated nights with known answers, through the judge that sessions use."""

from __future__ import annotations
