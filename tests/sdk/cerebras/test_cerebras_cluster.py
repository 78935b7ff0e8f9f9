"""A run's jobs on a cluster, through the SDK's own client: labelled, queued, cancelled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accelbench.data import dataset, prepare
from accelbench.workers import cerebras_jobs, cerebras_phases

ROOT = Path(__file__).parents[3]
JOBS = Path(str(cerebras_jobs.__file__))
RUN = "20260101T000000-abcdef/0123abcd"


@pytest.fixture(scope="module")
def queued(inside: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A training on a CSX whose first job waits for a second and is then cancelled by hand."""
    files = prepare(dataset("digits"), tmp_path_factory.mktemp("data"), (28, 28))
    workload = ROOT / "bench" / "workloads" / "mnist_softmax.py"
    found: dict[str, Any] = inside("csx", str(workload), files.directory)
    return found


def test_a_job_carries_its_runs_label_and_what_the_options_ask_for(queued: dict[str, Any]) -> None:
    key, _, value = cerebras_jobs.label(RUN).partition("=")
    assert queued["asked"]["labels"] == {key: value, "team": "wafers"}
    assert queued["asked"]["jobPriority"] == "JOB_PRIORITY_P3"


def test_a_queue_is_a_phase_of_its_own_while_it_lasts(queued: dict[str, Any]) -> None:
    begun = queued["heard"].index("first_step")
    assert queued["heard"][begun : begun + 4] == ["first_step", "compile", "queue", "compile"]
    assert queued["heard"][-1] == "first_step", "what failed was the first step"
    assert queued["seconds"]["queue"] >= 1.0


def test_a_job_that_somebody_cancels_interrupts_its_run_and_leaves_nothing(
    queued: dict[str, Any],
) -> None:
    assert queued["error"] == "ClusterJobCancelledByCsctl"
    assert queued["state"] == "interrupted(csctl)"
    assert queued["left"] == []


def test_the_jobs_of_one_run_are_cancelled_and_no_others(inside: Callable[..., Any]) -> None:
    told = inside("cluster_standin", str(JOBS), RUN, plugin=False)
    assert told["status"] == 0, told["errors"]
    assert [job for job, _ in told["cancelled"]] == ["wsjob-ours-compile", "wsjob-ours-execute"]
    assert {why for _, why in told["cancelled"]} == {"the accelbench run is gone"}


def test_the_certificate_of_the_options_is_that_of_the_client(
    inside: Callable[..., Any], tmp_path: Path
) -> None:
    # The server here has none, so a file is named that is missing: the client wants to read it.
    file = tmp_path / "tls.crt"
    told = inside("cluster_standin", str(JOBS), RUN, str(file), plugin=False)
    assert told["status"] != 0
    assert f"FileNotFoundError: [Errno 2] No such file or directory: '{file}'" in told["errors"]
    assert told["cancelled"] == []


def test_a_workers_own_id_names_the_same_run(inside: Callable[..., Any]) -> None:
    told = inside("cluster_standin", str(JOBS), RUN + "@0123456789abcdef", plugin=False)
    assert len(told["cancelled"]) == 2


def test_a_run_without_jobs_has_nothing_to_cancel(inside: Callable[..., Any]) -> None:
    told = inside("cluster_standin", str(JOBS), RUN + "0", plugin=False)
    assert (told["status"], told["cancelled"]) == (0, [])


def test_every_line_that_is_read_stands_in_the_installed_sdk(sdk: str) -> None:
    folder = next(Path(sdk).parent.parent.glob("lib/python*/site-packages/cerebras"))
    sources = [*folder.glob("appliance/**/*.py"), *folder.glob("pytorch/**/*.py")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    missing = [line for line, _ in cerebras_phases._LINES if f'"{line}' not in text]
    assert missing == []


def test_every_name_that_is_read_from_the_tracker_stands_in_the_installed_sdk(sdk: str) -> None:
    folder = next(Path(sdk).parent.parent.glob("lib/python*/site-packages/cerebras"))
    sources = [*folder.glob("appliance/*.py"), *folder.glob("appliance/cluster/*.py")]
    sources += folder.glob("pytorch/core/*.py")
    text = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    names = [cerebras_phases._WAIT, *cerebras_phases._TRACKED]
    assert [name for name in names if f'("{name}")' not in text] == []
