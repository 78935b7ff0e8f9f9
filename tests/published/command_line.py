"""Runs `accelbench run` as a user does, in a process of its own, and reads what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEADLINE = 1800.0
"""Seconds; a run waits while others hold the CPU.

No figure here is a time, so threads that wait sleep: spinning ones make a training five times as
slow where another process runs beside it.
"""


def trained(workload: str, *options: str, **params: object) -> dict[str, Any]:
    """Return the JSON of one run; AssertionError says what the command said instead."""
    assignments = [text for key, value in params.items() for text in ("--set", f"{key}={value}")]
    command = [str(Path(sys.executable).with_name("accelbench")), "run", workload]
    done = subprocess.run(
        [*command, *options, *assignments, "--json", "-"],
        cwd=ROOT,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run: dict[str, Any] = json.loads(done.stdout)
    return run
