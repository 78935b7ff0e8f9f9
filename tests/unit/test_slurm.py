"""What Slurm's programs print, word by word, and what it is taken for."""

from __future__ import annotations

import time

import pytest

from accelbench import slurm

QUEUED = "srun: job 2 queued and waiting for resources"
ALLOCATED = "srun: job 2 has been allocated resources"
BUSY = "srun: Job 7 step creation temporarily disabled, retrying (Requested nodes are busy)"
CREATED = "srun: Step created for job 7"
ABORTED = "srun: Job step aborted: Waiting up to 7 seconds for job step to finish."


@pytest.mark.parametrize(
    ("lines", "waits"),
    [
        ([], None),
        (["Loading module sdk/3.1"], None),
        ([QUEUED], True),
        (["srun: Required node not available (down, drained or reserved)", QUEUED], True),
        ([QUEUED, ALLOCATED], False),
        ([QUEUED, ALLOCATED, "hello"], False),
        ([BUSY], True),
        ([BUSY, CREATED], False),
        (["srun: Job 7 step creation still disabled, retrying (Requested nodes are busy)"], True),
        ([QUEUED, "srun: error: Unable to allocate resources: Invalid partition"], False),
        (["my job 2 queued and waiting for resources"], None),
    ],
)
def test_the_queue_is_known_by_the_last_word_of_srun(lines: list[str], waits: bool | None) -> None:
    assert slurm.queued(lines) is waits


STEP = "slurmstepd-n1: error: *** STEP 1.0 ON n1 CANCELLED AT 2026-11-20T19:16:58"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (f"{STEP} DUE TO TIME LIMIT ***\n{ABORTED}\nsrun: error: n1: Terminated", "walltime"),
        ("slurmstepd: error: *** JOB 9 ON n1 CANCELLED AT 2026-11-20T1:1:1 DUE TO TIME LIMIT ***",
         "walltime"),
        (f"{ABORTED}\n{STEP} ***\nsrun: error: n1: task 0: Terminated", "cancelled"),
        ("slurmstepd: *** JOB 1479012 CANCELLED AT 2015-02-04T06:33:25 *** on sh-2-3", "cancelled"),
        ("srun: job 6 queued and waiting for resources\nsrun: Job has been cancelled\n"
         "srun: error: Unable to allocate resources: Job/step already completing or completed",
         "cancelled"),
        (f"{ABORTED}\nsrun: error: n1: task 0: Killed", "cancelled"),
        (f"{ABORTED}\n{STEP} DUE TO PREEMPTION ***", "preempted"),
        ("srun: error: Node failure on n1", "node_fail"),
        (f"{STEP} DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS ***", "node_fail"),
        ("slurmstepd-n1: error: StepId=3.0 exceeded memory limit (428232704 > 52428800), being "
         f"killed\nsrun: Exceeded job memory limit\n{ABORTED}\n{STEP} ***", "oom"),
        ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=14604003.0 cgroup. Some of "
         "your processes may have been killed by the cgroup out-of-memory handler.", "oom"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=5.0. Some of the step tasks have "
         "been OOM Killed.\nsrun: error: o0616: task 0: Out Of Memory", "oom"),
        ("srun: error: n1: task 0: Killed\nsrun: Force Terminated StepId=12.0", ""),
        ("srun: error: n1: task 0: Segmentation fault", ""),
        ("srun: error: n1: task 0: Exited with exit code 7", ""),
        ("RuntimeError: the step was CANCELLED", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_an_interruption_is_known_by_what_was_said(said: str, reason: str) -> None:
    assert slurm.interruption(said) == reason


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("TIMEOUT", "walltime"),
        ("DEADLINE\n", "walltime"),
        ("CANCELLED by 1000", "cancelled"),
        ("PREEMPTED", "preempted"),
        ("NODE_FAIL", "node_fail"),
        ("OUT_OF_MEMORY", "oom"),
        ("FAILED", ""),
        ("COMPLETED", ""),
        ("", ""),
    ],
)
def test_an_interruption_is_known_by_the_state_of_a_job(state: str, reason: str) -> None:
    assert slurm.interruption_of(state) == reason


@pytest.mark.parametrize("reason", ["walltime", "cancelled", "preempted", "node_fail", "oom"])
def test_each_interruption_says_in_one_line_what_to_do(reason: str) -> None:
    text = slurm.meaning(reason)
    assert text.startswith("Slurm ended the job: ")
    assert "\n" not in text


def test_a_time_of_squeue_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        assert slurm.seconds_since_epoch("2026-11-20T02:00:00\n") == 1795132800
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["N/A", "Unknown", "NONE", "", "2026-11-20"])
def test_no_time_is_none(text: str) -> None:
    assert slurm.seconds_since_epoch(text) is None


def test_only_an_srun_outside_an_allocation_makes_jobs() -> None:
    assert slurm.allocates(("/usr/bin/srun", "-u", "python"), {})
    assert not slurm.allocates(("srun", "python"), {"SLURM_JOB_ID": "7"})
    assert not slurm.allocates(("python",), {})
