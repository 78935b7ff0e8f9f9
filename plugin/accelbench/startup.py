"""How an interpreter comes up: what its command prints before that, and the error that it did not.

Wrapper scripts and module systems talk; what they say belongs into the run's log.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from accelbench import boot
from accelbench.runlog import LARGEST_BYTES


class AttachError(Exception):
    """The worker's interpreter did not come up; the message says how it ended."""


def skip_noise(stdout: IO[bytes], log: Path) -> None:
    """Move what comes before the marker to the log; EOFError where no marker comes."""
    size = 0
    with log.open("ab") as sink:
        while True:
            line = stdout.readline(2**16)
            size += len(line)
            if not line:
                raise EOFError
            if size > LARGEST_BYTES:
                raise AttachError(
                    f"the command printed over {LARGEST_BYTES >> 20} MiB and started no worker"
                )
            if line.endswith(boot.MARKER):
                sink.write(line[: -len(boot.MARKER)])
                return
            sink.write(line)
            sink.flush()
