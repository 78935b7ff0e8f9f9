"""How the ranks of one run find each other: rank 0 opens a port, the session passes it on.

The session knows every worker, so that no address has to be configured: not for processes of one
host, nor for those that a launcher has put on several.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Tuple

from accelbench.workers.arrival import address


class Meeting:
    """One rank's side of the meeting; `lead` or `join` is called once."""

    def __init__(self, channel: Any, send: Callable[..., None]) -> None:  # noqa: ANN401  # execnet has no types
        self._channel = channel
        self._send = send

    def lead(self, port: int) -> None:
        """Tell the session where rank 0 listens."""
        _publish("localhost", port)
        self._send("rendezvous", address(), port)

    def join(self) -> Tuple[str, int]:
        """Wait until rank 0 listens; return its host and port."""
        host, port = self._channel.receive()
        _publish(host, port)
        return host, port


def _publish(host: str, port: int) -> None:
    """Set the variables by which frameworks meet; RANK and WORLD_SIZE are there since the start."""
    os.environ["MASTER_ADDR"] = host
    os.environ["MASTER_PORT"] = str(port)
