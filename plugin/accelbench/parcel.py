"""What a job needs on a host that is not the session's: its workload file, and its data set."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accelbench import codec
from accelbench.records import DataFiles, Job

LARGEST_BYTES = 8 * 2**20
"""A decoded data set up to this size is sent with each run; `digits` is, MNIST is not."""

_INDEX = "index.json"


class ParcelError(Exception):
    """The other host lacks what is not sent; the message says what, and where it belongs."""


@dataclass(frozen=True)
class Parcel:
    """A job, and how it comes to its files on the other host (`workers/arrival.py` answers)."""

    job: Job

    @classmethod
    def of(cls, text: str) -> Parcel:
        """Return the parcel of a job as it is sent to workers of this host."""
        return cls(codec.loads(Job, text))

    def deliver(self, channel: Any) -> str:  # noqa: ANN401  # execnet has no types
        """Bring the job's files to the other host; return the job with its paths there."""
        path, data = Path(self.job.workload_path), self.job.data
        index = None if data is None else Path(data.directory) / _INDEX
        there = index and (str(index.parent), _INDEX, index.read_bytes())
        channel.send((str(path), path.read_bytes(), there))
        workload, directory = channel.receive()
        if data is not None:
            if not directory:
                channel.send(_content(data))
                directory = channel.receive()
            data = replace(data, directory=directory)
        return codec.dumps(replace(self.job, workload_path=workload, data=data))


def _content(data: DataFiles) -> dict[str, bytes]:
    """Return the files of a decoded data set that is small enough to be sent."""
    files = sorted(Path(data.directory).iterdir())
    size = sum(file.stat().st_size for file in files)
    if size > LARGEST_BYTES:
        raise ParcelError(
            f"data set {data.name} is not there, and its {size >> 20} MiB are not sent: copy "
            f"{socket.gethostname()}:{data.directory} to the same place, or to the folder decoded "
            "in ACCELBENCH_DATA there (the device's env sets it)"
        )
    return {file.name: file.read_bytes() for file in files}
