"""Seeds: derived from the session and the test, never one that is stored already."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import UTC, datetime


def new_session_id() -> str:
    """Return a new session's id: its start in UTC and six random hex digits."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def derive(session_id: str, origin: str, number: int, stored: Collection[int]) -> int:
    """Return the seed of the `number`-th run of an origin (a test) in a session: 0 .. 2**31 - 1.

    A fixed seed would draw one number of the distribution for ever; so would a stored one.
    """
    salt = 0
    while True:
        text = f"{session_id}/{origin}/{number}/{salt}"
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
        if seed not in stored:
            return seed
        salt += 1
