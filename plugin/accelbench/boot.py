"""What a worker's interpreter is told first: how to come up, and where this package is.

On the session's host the package is imported from its own folder. Anywhere else a guard comes
first (`workers/watchdog.py`), and the worker's side of the package is sent: no installation there,
and never another version of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import accelbench
from accelbench.workers import watchdog

MARKER = b"accelbench-worker-ready\n"
"""Ends what a command prints before its interpreter is up."""

BOOT = (
    "import sys;sys.stdout.write('accelbench-worker-ready\\n');sys.stdout.flush();"
    "exec(eval(sys.stdin.readline()))"
)
"""The code that an interpreter is started with: it says that it is up, and takes one line in."""

IMPORT = """
import importlib.util
spec = importlib.util.spec_from_file_location(
    "accelbench", os.path.join(package, "__init__.py"), submodule_search_locations=[package])
sys.modules["accelbench"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""
"""Imports this package from the folder `package`.

The worker's interpreter has its own packages: only this one is added to them, and nothing that lies
beside it.
"""

_SERVE = """
from accelbench.workers.entry import serve
serve(channel)
"""

SERVE_HERE = f"""
import os, sys
package, log = channel.receive()
os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
os.dup2(1, 2)
{IMPORT}{_SERVE}"""
"""A worker's task on this host; comes first: (the package's folder, the run's log)."""

UNPACK = """
for name, content in files.items():
    path = os.path.join(folder, *name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
package = os.path.join(folder, "accelbench")
"""
"""Writes `files`, this package's by their names, below `folder`."""

# What it prints goes the way of its errors, which ssh and srun bring back to the session.
SERVE_ELSEWHERE = f"""
import os, sys
os.dup2(2, 1)
folder, files = os.environ["{watchdog.FOLDER_VARIABLE}"], channel.receive()
{UNPACK}{IMPORT}
from accelbench.workers.arrival import settle
settle(channel, folder)
{_SERVE}"""
"""A worker's task on any other host; comes first: the package's files, by their names."""

WORKER_SIDE = ("__init__.py", "records.py", "codec.py", "workers/**/*.py")


def sources(patterns: Iterable[str] = WORKER_SIDE) -> dict[str, bytes]:
    """Return files of this package, by their names from the package's folder's folder on."""
    package = Path(accelbench.__file__).parent
    return {
        f"accelbench/{path.relative_to(package).as_posix()}": path.read_bytes()
        for pattern in patterns
        for path in sorted(package.glob(pattern))
    }


def guard_line(env: Mapping[str, str]) -> bytes:
    """Return the line that turns an interpreter started with `BOOT` into a guard of another one."""
    source = Path(watchdog.__file__).read_text(encoding="utf-8")
    told = (secrets.token_hex(8), BOOT, dict(env))
    text = (
        "space = {'__name__': 'accelbench_guard'}\n"
        f"exec(compile({source!a}, 'watchdog.py', 'exec'), space)\n"
        f"space['guard'](*{told!a})"
    )
    return line(text)


def line(text: str) -> bytes:
    """Return code as the one line that an interpreter started with `BOOT` takes in."""
    return ascii(text).encode() + b"\n"
