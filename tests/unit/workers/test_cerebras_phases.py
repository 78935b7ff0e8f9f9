"""Phases from the Cerebras SDK's log lines, and from the file that its tracker writes."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from accelbench.workers.cerebras_clock import StepClock
from accelbench.workers.cerebras_phases import LogHandler, PhaseReader, tracked

# A whole run's lines in their order: compiled, queued twice, programmed. Those of the server are
# in it that stand in no client's source, and must not matter.
RUN = """\
Compiling the model. This may take a few minutes.
Initiating a new image build job against the cluster server.
Initiating a new compile wsjob against the cluster server.
Job id: wsjob-c, workflow id: wflow-1, namespace: job-operator, remote log path: /n1/wsjob-c
Poll ingress status: Waiting for job running, current job status: Queueing, msg: job is queueing.
Poll ingress status: Waiting for job running, current job status: Scheduled, msg: job is scheduled.
Recording the timestamp when jobs is scheduled.
Poll ingress success: Job ingress ready.
Found existing cached compile with hash: "cs_1"
Compile artifacts successfully written to remote compile directory. Compile hash is: cs_1
Compile was successful!
Programming Cerebras Wafer Scale Cluster for execution. This may take a few minutes.
Initiating a new execute wsjob against the cluster server.
Poll ingress status: Waiting for job running, current job status: Queueing, msg: job is queueing.
Recording the timestamp when jobs is scheduled.
Poll ingress status: Waiting for job service readiness.
Poll ingress success: Job ingress ready.
Preparing to execute using 1 CSX
About to send initial weights
Finished sending initial weights
Finalizing appliance staging for the run
Waiting for device programming to complete
Device programming is complete
Input workers have begun streaming input data
Appliance staging is complete
Beginning appliance run
"""


class Reading:
    """A reader, the phases that it enters and the clock that it stops."""

    def __init__(self, home: str) -> None:
        self.phases: list[str] = []
        self.clock = StepClock()
        self.reader = PhaseReader(self.phases.append, self.clock)
        self.reader.home = home


@pytest.mark.parametrize("home", ["first_step", "evaluate"])
def test_a_run_goes_through_its_phases_and_comes_home(home: str) -> None:
    read = Reading(home)
    for line in RUN.splitlines():
        read.reader.read(line)
    changes = [p for before, p in zip(["", *read.phases], read.phases) if before != p]  # noqa: B905  # Python 3.8
    assert changes == ["compile", "queue", "compile", "attach", "queue", "attach", home]
    assert read.clock.has_paused


def test_where_the_sdk_is_called_to_compile_nothing_pauses() -> None:
    read = Reading("compile")
    read.reader.read("Compiling the model. This may take a few minutes.")
    assert read.phases == []
    assert not read.clock.has_paused


def test_an_executor_that_ends_early_comes_home_once() -> None:
    read = Reading("first_step")
    read.reader.back()
    assert read.phases == []
    read.reader.read("Initiating a new execute wsjob against the cluster server.")
    read.reader.back()
    read.reader.back()
    assert read.phases == ["queue", "first_step"]


def test_the_sdks_log_is_written_out_and_read_and_others_are_heard_when_they_warn(
    capsys: pytest.CaptureFixture[str],
) -> None:
    read = Reading("first_step")
    handler = LogHandler(read.reader)
    for name, level, text in (
        ("cerebras.LtcBackend", logging.INFO, "Initiating a new %s wsjob"),
        ("elsewhere", logging.INFO, "Beginning appliance run"),
        ("elsewhere", logging.WARNING, "something is %s"),
    ):
        handler.handle(logging.LogRecord(name, level, "", 0, text, ("execute",), None))
    assert read.phases == ["queue"]
    assert [
        line.partition(" ")[2].partition(" ")[2] for line in capsys.readouterr().err.splitlines()
    ] == [
        "INFO: Initiating a new execute wsjob",
        "WARNING: something is execute",
    ]


# ----------------------------------------------------------------------------------- track.json
def written(folder: Path, tree: Any) -> str:  # noqa: ANN401  # JSON
    path = folder / "track.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    return str(path)


def test_a_trackers_file_gives_each_phase_its_own_seconds(tmp_path: Path) -> None:
    tree = {
        "Initialization": [2.5, {}],
        "compile": [100.0, {"pt_cirh": [1.0, {}], "cirh_end": [90.0, {}]}],
        "execute_till_recv_loss": [
            400.0,
            {
                "execute_prep_details": [
                    300.0,
                    {"job_initializing": [1.0, {}], "scheduler_wait": [250.0, {}]},
                ],
                "execute_init_transfer_setup": [80.0, {"execute_load_request": [60.0, {}]}],
            },
        ],
    }
    found = tracked(written(tmp_path, tree))
    assert found == {"compile": 100.0, "queue": 250.0, "attach": 300.0 + 80.0 - 250.0}


def test_a_wait_that_was_counted_twice_is_one_wait(tmp_path: Path) -> None:
    # The tracker writes the sum of all waits wherever one of them began.
    wait = {"scheduler_wait": [30.0, {}]}
    tree = {"compile": [50.0, wait], "execute_prep_details": [20.0, wait]}
    assert tracked(written(tmp_path, tree)) == {"queue": 30.0, "compile": 40.0}


def test_a_wait_beside_the_rest_is_not_taken_from_it(tmp_path: Path) -> None:
    tree = {"compile": [50.0, {}], "scheduler_wait": [30.0, {}]}
    assert tracked(written(tmp_path, tree)) == {"queue": 30.0, "compile": 50.0}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"compile": 3}', '{"compile": ["x", {}]}', '{"compile": [1]}']
)
def test_a_file_that_is_damaged_tells_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "track.json"
    path.write_text(text, encoding="utf-8")
    assert tracked(str(path)) == {}


def test_a_missing_file_tells_nothing(tmp_path: Path) -> None:
    assert tracked(str(tmp_path / "none")) == {}
