"""Asks Slurm's commands: whether a step waits, why a job ended, when the job around us will.

No answer is an answer: the commands may be missing, slow, or of another cluster.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from accelbench import slurm

ANSWER_SECONDS = 10.0

ENDING_SECONDS = 3.0
"""How long Slurm may take to say what became of a job whose srun has ended."""

ASK_AGAIN_SECONDS = 1.0


@dataclass
class Called:
    """What one call of srun makes, by the name that srun was told: a job, or a step of `around`.

    `around` is the number of the job around the session; `here`: Slurm's commands are this host's.
    """

    name: str
    around: str = ""
    here: bool = True
    _asked: float = 0.0
    _waits: bool = False

    @classmethod
    def by(cls, command: Sequence[str], name: str, *, here: bool = True) -> Called | None:
        """Return what a command's srun makes; None for a command without one."""
        around = os.environ.get("SLURM_JOB_ID", "") if here else ""
        return cls(name, around, here) if slurm.by_srun(command) else None

    @property
    def cancel_command(self) -> tuple[str, ...]:
        """What cancels it."""
        return slurm.cancel_command(self.name, self.around)

    def queued(self, said: Sequence[str]) -> bool:
        """Tell whether it waits for its resources, by what srun has said so far.

        Of a step srun says so only when the wait is over: Slurm is asked for it now and then.
        """
        told = slurm.queued(said)
        if told is not None or not self.around:
            return bool(told)
        now = time.monotonic()
        if not self._asked:
            self._asked = now  # a step that is made at once need not be asked for
        elif now - self._asked > ASK_AGAIN_SECONDS:
            steps = ask("squeue", "--noheader", "--steps", f"--jobs={self.around}", "--format=%j")
            self._asked, self._waits = now, steps is not None and self.name not in steps.split()
        return self._waits

    def interruption(self, said: str, *, alive: bool) -> str:
        """Return why Slurm ended it: walltime, cancelled, preempted, ...; "" where it did not.

        What srun said decides, and where srun is gone also the job's state, should that be unclear.
        """
        reason = slurm.interruption(said)
        if reason not in {"", "cancelled"} or alive or not self.here:
            return reason
        return self._by_state() or reason

    def _by_state(self) -> str:
        """Return why a job ended, by its state; a step leaves none, and has its job's."""
        until = time.monotonic() + ENDING_SECONDS
        while True:
            state = ask(*slurm.state_command(self.name, self.around)) or ""
            unsettled = state in {"COMPLETING", "RUNNING", "PENDING"}
            if not unsettled or self.around or time.monotonic() > until:
                return slurm.interruption_of(state)
            time.sleep(0.2)


def ask(*command: str) -> str | None:
    """Return what one of Slurm's commands prints; None where there is no answer."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@cache
def end_of(job: str) -> float | None:
    """Return when a job's time is over, in seconds since the epoch; None where nothing tells."""
    said = ask("squeue", "--noheader", f"--jobs={job}", "--format=%e")
    return slurm.seconds_since_epoch(said or "")
