"""The tiers: on its own, so that naming an option's choices costs the plugin no import."""

from __future__ import annotations

TIERS = ("smoke", "nightly", "paper")
"""Embedded data and minutes; real data; every published row."""
