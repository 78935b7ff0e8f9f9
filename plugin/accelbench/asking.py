"""Asks a device's own interpreter what is there: a short process, and one marked line of JSON.

The session imports no framework and no SDK. Whatever the interpreter, its setup or its launcher
print beside the answer is ignored.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from accelbench.interpreter import DeviceConfig

STDERR = "stderr"
"""In an answer that says why nothing is there: what was last written to stderr."""

ASK_SECONDS = 55
"""An SDK may come up from a slow file system; a host that is asked from another has a minute."""


def ask(
    config: DeviceConfig, source: str, arguments: Sequence[str], mark: str, topic: str
) -> Mapping[str, object] | str:
    """Run Python code in a device's interpreter; return its answer, or why there is none.

    The answer is the JSON object behind `mark` on the last line that begins with it; one that has a
    "reason" is given the last line on stderr too, behind `STDERR`, where there is one. `topic` says
    what was asked, for the message of an interpreter that takes longer than `ASK_SECONDS`.
    """
    env = config.environment()
    line = config.interpreter().line(("-c", source, *arguments), env)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            status = _run(line, env, out, err)
        except subprocess.TimeoutExpired:
            return f"its interpreter did not say within {ASK_SECONDS} s {topic}"
        except OSError as error:
            return f"its interpreter {line[0]} does not start: {error.strerror}"
        answer, said = _read(_text(out), mark), _last(_text(err))
        if answer is None:
            return f"its interpreter ended with status {status}" + (f": {said}" if said else "")
        return {**answer, STDERR: said} if "reason" in answer and said else answer


def _run(line: tuple[str, ...], env: dict[str, str], out: IO[bytes], err: IO[bytes]) -> int:
    """Run a command to its end and return its status; nothing that it started is left.

    It writes into files: a process that a setup leaves behind would hold a pipe open.
    """
    process = subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env={**os.environ, **env},
        start_new_session=True,
    )
    try:
        return process.wait(timeout=ASK_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _read(text: str, mark: str) -> Mapping[str, object] | None:
    """Return what the last marked line says; None where there is none."""
    marked = [line for line in text.splitlines() if line.startswith(mark)]
    if not marked:
        return None
    try:
        answer = json.loads(marked[-1][len(mark) :])
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _last(text: str) -> str:
    """Return the last line that says something; "" for none."""
    said = [line.strip() for line in text.splitlines() if line.strip()]
    return said[-1] if said else ""
