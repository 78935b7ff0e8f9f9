"""The folder of what the Cerebras SDK writes: made for one run, removed with it."""

from __future__ import annotations

import atexit
import fcntl
import glob
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator

from accelbench.workers.watchdog import FOLDER_VARIABLE

PREFIX = "accelbench-cerebras-"


@dataclass(frozen=True)
class Artifacts:
    """The folder of what the SDK writes, and whether it is to be kept."""

    folder: str
    kept: bool

    def remove(self) -> None:
        """Remove the folder, unless it is to be kept."""
        if not self.kept:
            shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Work in the folder: the SDK writes a graph that it rejects to the current one."""
        before = os.getcwd()  # noqa: PTH109  # as the SDK names folders
        os.chdir(self.folder)
        try:
            yield
        finally:
            os.chdir(before)


@contextmanager
def removed_on_failure(artifacts: Artifacts) -> Iterator[None]:
    """Remove what the SDK wrote when something is raised: the session ends the process at once."""
    try:
        yield
    except BaseException:
        artifacts.remove()
        raise


def make(kept: str = "") -> Artifacts:
    """Return a new folder: in `kept` and to stay, or temporary and removed with this process.

    A process that is killed removes nothing: where a guard made a folder that it removes for sure,
    this one lies in it; elsewhere the next run removes it, for nobody holds it any more.
    """
    if kept:
        os.makedirs(kept, exist_ok=True)  # noqa: PTH103  # a remote path
        return Artifacts(tempfile.mkdtemp(prefix="run-", dir=os.path.abspath(kept)), kept=True)  # noqa: PTH100
    parent = os.environ.get(FOLDER_VARIABLE) or tempfile.gettempdir()
    remove_abandoned(parent)
    artifacts = Artifacts(_held(parent), kept=False)
    # Registered before the SDK's own end of work, so done after it, which may still write.
    atexit.register(artifacts.remove)
    return artifacts


def _held(parent: str) -> str:
    """Return a new folder that this process holds by a lock until it ends, however it does."""
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=os.path.abspath(parent))  # noqa: PTH100
        try:
            held = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # another process found it before it was held
        fcntl.flock(held, fcntl.LOCK_EX)
        if os.path.isdir(folder):  # noqa: PTH112  # as above
            return folder
        os.close(held)


def remove_abandoned(parent: str) -> None:
    """Remove this user's folders that no process holds: those of runs that were killed."""
    for folder in glob.glob(os.path.join(glob.escape(parent), PREFIX + "*")):  # noqa: PTH118,PTH207
        try:
            if os.stat(folder).st_uid != os.getuid():  # noqa: PTH116
                continue
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(held)
