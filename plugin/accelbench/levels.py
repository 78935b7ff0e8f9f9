"""The error rates of a session; on their own, for options name them and must import nothing."""

from __future__ import annotations

ALPHA_NIGHT = 0.01
"""The rate of false alarms a session may raise over all its gates: 1 night in 100."""

SCREEN_LEVEL = 0.10
"""The screen's level; wider finds smaller changes and costs more confirming runs."""
