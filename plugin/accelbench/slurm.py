"""What Slurm says, and what it means for a run: text alone, no process and no cluster.

The texts are those of srun and slurmstepd from Slurm 19.05 on, which tests hold word by word.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import PurePath

NAME_VARIABLE = "SLURM_JOB_NAME"
"""srun takes a job's name from it, and inside an allocation a step's."""

_WAITS = re.compile(
    r"^srun: (?:job \d+ queued and waiting for resources"
    r"|Job \S+ step creation (?:temporarily|still) disabled, retrying"
    r"|Required node not available)"
)
_GOES_ON = re.compile(
    r"^srun: (?:job \d+ has been allocated resources|Step created for |error:|fatal:)"
)

# By what is said, the surest first: an end for want of memory is followed by a cancelled step.
_INTERRUPTIONS = (
    (
        "oom",
        re.compile(
            r"(?:error: Detected \d+ oom.kill event"
            r"|(?:Step|Job)\S* exceeded (?:job |step )?memory limit"
            r"|^srun: error: \S+: tasks? \S+: Out Of Memory)",
            re.MULTILINE | re.IGNORECASE,
        ),
    ),
    ("walltime", re.compile(r"CANCELLED AT \S+ DUE TO TIME LIMIT")),
    ("preempted", re.compile(r"CANCELLED AT \S+ DUE TO (?:PREEMPTION|JOB REQUEUE)")),
    (
        "node_fail",
        re.compile(
            r"(?:CANCELLED AT \S+ DUE TO NODE FAILURE|^srun: error: Node failure on )",
            re.MULTILINE,
        ),
    ),
    (
        "cancelled",
        re.compile(
            r"(?:\*\*\* (?:JOB|STEP|StepId=)[^*]* CANCELLED AT [^ *]+ \*\*\*"
            r"|^srun: Job has been cancelled"
            r"|^srun: Job step aborted:"
            r"|^srun: error: .*Job/step already completing or completed)",
            re.MULTILINE,
        ),
    ),
)

_STATES = {
    "TIMEOUT": "walltime",
    "DEADLINE": "walltime",
    "CANCELLED": "cancelled",
    "REVOKED": "cancelled",
    "PREEMPTED": "preempted",
    "NODE_FAIL": "node_fail",
    "BOOT_FAIL": "node_fail",
    "OUT_OF_MEMORY": "oom",
}

_MEANINGS = {
    "walltime": "its time limit was reached: ask Slurm for more time (--time), or train less",
    "cancelled": "it was cancelled (scancel): run it again",
    "preempted": "another job took its place: run it again, or on a partition without preemption",
    "node_fail": "its node failed: run it again, and tell who runs the cluster",
    "oom": "it used more memory than it had asked for: ask Slurm for more (--mem)",
}


def by_srun(command: Sequence[str]) -> bool:
    """Tell whether a command starts what it starts through srun."""
    return any(PurePath(word).name == "srun" for word in command)


def allocates(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Tell whether each call of a command is a job of its own, not a step of the job around it."""
    return by_srun(command) and not environment.get("SLURM_JOB_ID")


def queued(lines: Sequence[str]) -> bool | None:
    """Tell whether a job or step waits for its resources, by srun's last word of it; None: none."""
    for line in reversed(lines):
        if _WAITS.match(line):
            return True
        if _GOES_ON.match(line):
            return False
    return None


def interruption(said: str) -> str:
    """Return why Slurm ended a run, by what its log says: walltime, cancelled, ...; "" for not."""
    return next((reason for reason, text in _INTERRUPTIONS if text.search(said)), "")


def interruption_of(state: str) -> str:
    """Return why Slurm ended a job, by the state it gives the job: TIMEOUT, CANCELLED by 0, ..."""
    return _STATES.get(state.strip().partition(" ")[0], "")


def meaning(reason: str) -> str:
    """Return what happened, and what to do next, in one line."""
    return f"Slurm ended the job: {_MEANINGS[reason]}"


def seconds_since_epoch(text: str) -> float | None:
    """Return a time that squeue or scontrol printed, of the local zone; None for N/A, Unknown."""
    try:
        return time.mktime(time.strptime(text.strip(), "%Y-%m-%dT%H:%M:%S"))
    except (ValueError, OverflowError):
        return None


CANCEL = (
    'scancel --quiet "--name=$1"; [ -z "$2" ] || '
    'squeue --noheader --steps "--jobs=$2" "--format=%i %j" | '
    'while read -r step name; do [ "$name" != "$1" ] || scancel --quiet "$step"; done'
)
"""Shell text that cancels jobs, and steps of the job $2, by their name $1."""


def cancel_command(name: str, job: str) -> tuple[str, ...]:
    """Return what cancels a job of this name, or a step of this name of a job."""
    return ("sh", "-c", CANCEL, "sh", name, job)


def state_command(name: str, job: str) -> tuple[str, ...]:
    """Return what prints the state of the job of this name, or else of a job by its number."""
    which = f"--jobs={job}" if job else f"--name={name}"
    return ("squeue", "--noheader", "--states=all", which, "--format=%T")
