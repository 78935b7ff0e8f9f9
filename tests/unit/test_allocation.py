"""How long the job around a session still has."""

from __future__ import annotations

import time

import pytest

from accelbench import jobs
from accelbench.allocation import remaining_seconds


def test_without_a_job_there_is_no_end() -> None:
    assert remaining_seconds({"SLURM_JOB_END_TIME": "5"}) is None


def test_slurm_tells_the_end_of_a_job() -> None:
    end = str(int(time.time()) + 100)
    left = remaining_seconds({"SLURM_JOB_ID": "7", "SLURM_JOB_END_TIME": end})
    assert left is not None
    assert 90 < left <= 100


def test_an_older_slurm_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bin")
    squeue = folder / "squeue"
    squeue.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\ndate -d "+1 hour" +%FT%T\n')
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    jobs.end_of.cache_clear()
    for _ in range(2):
        left = remaining_seconds({"SLURM_JOB_ID": "7"})
        assert left is not None
        assert 3500 < left <= 3600
    assert (folder / "asked").read_text() == "--noheader --jobs=7 --format=%e\n"


def test_a_slurm_that_does_not_answer_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    jobs.end_of.cache_clear()
    assert remaining_seconds({"SLURM_JOB_ID": "7"}) is None
