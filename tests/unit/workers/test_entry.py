"""A worker's one task, over a channel: every way to end is told on it, in builtin types."""

# ruff: noqa: ANN401  # channels, as execnet, have no types

from __future__ import annotations

import gc
import json
import math
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from accelbench import codec
from accelbench.records import Job, RunSpec, WorkerResult
from accelbench.workers.clock import PhaseClock
from accelbench.workers.entry import serve
from accelbench.workers.task import _recount, load_workload

ENGINE = """
from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {{"batch_size": 4, "rate": 0.5, "target_accuracy": {target}}}

def start(params, seed, data):
    assert params.count("batch_size") == 4
    def step(number):
        {step}
    return Stepper(step, lambda: Evaluation(0.25, 10, 0.5), 4, 150)
"""


class Channel:
    """A channel's two ends: what the session sent, and what the worker says."""

    def __init__(self, text: str) -> None:
        self.sent: list[Any] = []
        self._text = text

    def receive(self) -> str:
        return self._text

    def send(self, message: Any) -> None:
        self.sent.append(message)

    def of_kind(self, kind: str) -> list[Any]:
        return [message[1:] for message in self.sent if message[0] == kind]


def served(
    tmp_path: Path, step: str, target: float = 0.5, params: Any = (), **changes: Any
) -> Channel:
    """Return what a worker said of a job whose step is given as code."""
    path = tmp_path / "made.py"
    path.write_text(ENGINE.format(step=step, target=target))
    spec = RunSpec("made", "cpu", "numpy", "inline", 1, 2, params=params)
    given = {"workload_path": str(path), "trained_by": "own", "data": None, **changes}
    channel = Channel(codec.dumps(Job(spec, **given)))
    try:
        serve(channel)
    finally:
        gc.unfreeze()
    return channel


def builtin(value: object) -> bool:
    """Tell whether execnet can carry a value: builtin types only."""
    if isinstance(value, (tuple, list)):
        return all(map(builtin, value))
    if isinstance(value, dict):
        return all(builtin(each) for pair in value.items() for each in pair)
    return type(value) in {str, bytes, int, float, bool, type(None)}


def test_a_training_reports_phases_epochs_and_its_result(tmp_path: Path) -> None:
    channel = served(tmp_path, "return 1.0 / (1 + number)")
    assert all(map(builtin, channel.sent))
    assert [name for (name,) in channel.of_kind("phase")] == [
        "import",
        "data",
        "compile",
        "first_step",
        "steady",
        "evaluate",
        "steady",
        "evaluate",
        "teardown",
    ]
    assert len(channel.of_kind("epoch")) == 2
    assert channel.sent[-1][0] == "result"
    text, phases, *columns = channel.of_kind("result")[0]
    result = codec.loads(WorkerResult, text)
    assert not result.diverged
    assert result.counters.batch_size == 4
    assert result.counters.target_accuracy == 0.5
    assert result.counters.warm_up_steps + result.counters.steady_steps == 300
    assert result.counters.peak_memory_bytes > 2**20
    assert {"python", "kernel", "machine", "cores"} <= set(dict(result.treatment))
    assert set(phases) == {name for (name,) in channel.of_kind("phase")}
    data, compute, losses = (struct.unpack("300d", column) for column in columns)
    assert losses[:2] == (1.0, 0.5)
    assert sum(data) == pytest.approx(sum(epoch.data_seconds for epoch in result.epochs))
    assert sum(compute) == pytest.approx(sum(epoch.compute_seconds for epoch in result.epochs))


def test_quantiles_of_the_steady_steps_are_in_order(tmp_path: Path) -> None:
    channel = served(tmp_path, "return 1.0")
    counters = codec.loads(WorkerResult, channel.of_kind("result")[0][0]).counters
    quantiles = (counters.step_seconds_p05, counters.step_seconds_p50, counters.step_seconds_p95)
    assert None not in quantiles
    assert list(quantiles) == sorted(q for q in quantiles if q is not None)


def test_a_target_of_zero_is_no_target(tmp_path: Path) -> None:
    channel = served(tmp_path, "return 1.0", target=0.0)
    result = codec.loads(WorkerResult, channel.of_kind("result")[0][0])
    assert result.counters.target_accuracy is None


def test_a_divergence_is_a_result(tmp_path: Path) -> None:
    channel = served(tmp_path, "return float('nan')")
    text, _, *_, losses = channel.of_kind("result")[0]
    assert codec.loads(WorkerResult, text).diverged
    assert math.isnan(struct.unpack("150d", losses)[0])
    assert "NaN" in json.dumps(text)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("return 1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return params.text('none')", "KeyError: 'none'"),
    ],
)
def test_whatever_a_step_raises_is_told_with_its_traceback(
    tmp_path: Path, step: str, said: str
) -> None:
    channel = served(tmp_path, step)
    assert not channel.of_kind("result")
    ((text, state),) = channel.of_kind("failure")
    assert not state
    assert text.endswith(said)
    assert 'made.py"' in text
    assert gc.isenabled()


def test_a_job_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    channel = Channel('{"spec": 1}')
    serve(channel)
    ((text, state),) = channel.of_kind("failure")
    assert not state
    assert "Job" in text
    assert "ValueError" in text


def test_a_missing_workload_file_is_told(tmp_path: Path) -> None:
    channel = served(tmp_path, "return 1.0", workload_path=str(tmp_path / "none.py"))
    ((text, state),) = channel.of_kind("failure")
    assert not state
    assert "none.py" in text


def test_an_unknown_way_to_train_is_told(tmp_path: Path) -> None:
    channel = served(tmp_path, "return 1.0", trained_by="magic")
    ((text, state),) = channel.of_kind("failure")
    assert not state
    assert "accelbench.workers.ways.magic" in text


def test_a_failure_that_knows_what_became_of_the_run_says_so(tmp_path: Path) -> None:
    lost = "from accelbench.workers.failure import DeviceLostError as D; raise D('reset', 'gone')"
    channel = served(tmp_path, lost)
    ((text, state),) = channel.of_kind("failure")
    assert state == "device_lost(reset)"
    assert text.endswith("DeviceLostError: gone")


OPTIONAL = """

def start(params, seed, data):
    import time
    slow = lambda number: time.sleep(0.0 if number else 0.05) or 1.0
    engine = Stepper(slow, lambda: Evaluation(0.25, 10, 0.5), 4, 150)
    engine.close = lambda: print("closed")
    engine.phases = lambda: {{"teardown": 0.02, "queue": 9.0}}
    engine.only_compiles = {only}
    return engine
"""


@pytest.mark.parametrize("only", [False, True])
def test_an_engine_that_only_compiles_is_done_after_that_and_is_closed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], only: bool
) -> None:
    channel = served(tmp_path, "return 1.0\n" + OPTIONAL.format(only=only))
    ((text, phases, *columns),) = channel.of_kind("result")
    result = codec.loads(WorkerResult, text)
    assert capsys.readouterr().out == "closed\n"
    assert [bool(column) for column in columns] == [not only] * 3
    assert (result.evaluation is None, result.epochs == ()) == (only, only)
    assert result.counters.batch_size == 4
    assert not result.diverged
    # What the SDK did inside the first step is counted for its own phase; here all of that step.
    assert phases["first_step"] == 0.0
    assert (phases["queue"] >= 0.029) == (not only)
    assert phases["queue"] < 9.0


@pytest.mark.parametrize(
    ("held", "left", "queued"), [(5.0, 0.75, 4.0), (4.25, 0.0, 4.0), (2.0, 0.0, 1.75)]
)
def test_no_more_is_taken_from_the_first_step_than_it_holds(
    held: float, left: float, queued: float
) -> None:
    clock = PhaseClock(lambda _: None)
    clock.seconds = {"first_step": held, "compile": 1.0}
    engine: Any = SimpleNamespace(phases=lambda: {"compile": 0.25, "queue": 4.0})
    _recount(clock, engine)
    assert clock.seconds == {"first_step": left, "compile": 1.25, "queue": queued}


def test_a_session_that_is_gone_is_no_error(tmp_path: Path) -> None:
    class Closed(Channel):
        def send(self, message: Any) -> None:
            raise OSError(f"cannot send {message}: channel is closed")

    path = tmp_path / "made.py"
    path.write_text(ENGINE.format(step="return 1.0", target=0.5))
    spec = RunSpec("made", "cpu", "numpy", "inline", 1, 1)
    try:
        serve(Closed(codec.dumps(Job(spec, str(path), "own", None))))
    finally:
        gc.unfreeze()


def test_a_heartbeat_tells_of_steps_while_a_training_runs(tmp_path: Path) -> None:
    channel = served(
        tmp_path,
        "import time; time.sleep(0.002); return 1.0",
        heartbeat_seconds=0.05,
    )
    beats = channel.of_kind("step")
    assert len(beats) >= 2
    assert [steps for _, steps, *_ in beats] == sorted(steps for _, steps, *_ in beats)
    assert beats[-1][1] > 0
    assert {batch for _, _, batch, _ in beats if batch} == {4}


def test_a_heartbeat_tells_where_a_training_is_that_does_not_move(tmp_path: Path) -> None:
    channel = served(
        tmp_path,
        "import time; time.sleep(0.3 if number == 3 else 0); return 1.0",
        heartbeat_seconds=0.03,
    )
    beats = channel.of_kind("step")
    assert {where for *_, where in beats if where.startswith("step ")} == {"step (made.py:12)"}
    moved = [beats[n] for n in range(1, len(beats)) if beats[n][1] != beats[n - 1][1]]
    assert {where for *_, where in moved} == {""}


def test_a_workload_that_is_no_python_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match="no workload file at"):
        load_workload(str(tmp_path / "file.txt"))
