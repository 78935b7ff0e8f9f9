"""A worker's interpreter comes up through anything that stands before it, and goes down whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from accelbench import codec
from accelbench.devices import DeviceConfig
from accelbench.gateway import Worker
from accelbench.records import Job, RunSpec
from accelbench.startup import AttachError
from accelbench.workers.watchdog import RUN_VARIABLE

WORKLOAD = """
import os, subprocess, sys, time
from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"hang": False}

def start(params, seed, data):
    def step(number):
        if params.get("hang"):
            code = "import os, time; os.setsid(); time.sleep(300)"
            child = subprocess.Popen([sys.executable, "-c", code])
            print("child", child.pid, flush=True)
            time.sleep(300)
        return 1.0
    return Stepper(step, lambda: Evaluation(0.25, 10), 1, 5)
"""

Start = Callable[..., Worker]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


@pytest.fixture
def start(tmp_path: Path, log: Path) -> Iterator[Start]:
    """Starts a worker's interpreter from a device's configuration; ends what is left of it."""
    started: list[Worker] = []

    def begin(**config: object) -> Worker:
        chosen = DeviceConfig(**config)  # type: ignore[arg-type]  # by name
        env = {**dict(chosen.env), RUN_VARIABLE: f"{tmp_path.name}-{len(started)}"}
        worker = Worker(chosen.argv(), env, log, [])
        started.append(worker)
        return worker

    yield begin
    for worker in started:
        if worker.alive:
            worker.end(0.0)


def job(tmp_path: Path, **params: bool) -> str:
    path = tmp_path / "alpha.py"
    path.write_text(WORKLOAD)
    spec = RunSpec("alpha", "cpu", "numpy", "inline", 1, 1, params=tuple(params.items()))
    return codec.dumps(Job(spec, str(path), "own", None))


def messages(worker: Worker, text: str) -> list[str]:
    """Attach, follow the job to its end, and return the kinds of the messages."""
    channel = worker.attach(text)
    kinds: list[str] = []
    while not kinds or kinds[-1] not in {"result", "failure"}:
        kinds.append(channel.receive(timeout=60)[0])
    worker.finish(30)
    worker.end()
    return kinds


def test_a_worker_comes_up_does_its_job_and_leaves_nothing(start: Start, tmp_path: Path) -> None:
    worker = start()
    assert messages(worker, job(tmp_path))[-1] == "result"
    assert not worker.alive
    assert worker.exit_text() == "exit status 0"


NOISE = "echo 'Loading module sdk/3.1'; printf 'no newline at the end'; echo oops >&2"


def test_noise_before_the_bootstrap_is_survived_and_lands_in_the_log(
    start: Start, tmp_path: Path, log: Path
) -> None:
    worker = start(setup=NOISE)
    assert messages(worker, job(tmp_path))[-1] == "result"
    text = log.read_text()
    assert "Loading module sdk/3.1\n" in text
    assert "no newline at the end" in text
    assert "oops" in text
    assert "accelbench-worker-ready" not in text


def test_setup_and_env_reach_the_worker(start: Start, tmp_path: Path, log: Path) -> None:
    path = tmp_path / "alpha.py"
    text = job(tmp_path)
    path.write_text(WORKLOAD + "print(os.environ['FROM_SETUP'], os.environ['FROM_ENV'])\n")
    worker = start(setup="export FROM_SETUP='a b'", env=(("FROM_ENV", "c//d"),))
    assert messages(worker, text)[-1] == "result"
    assert "a b c//d\n" in log.read_text()


def test_a_launcher_in_front_of_the_interpreter_and_odd_arguments_work(
    start: Start, tmp_path: Path, log: Path
) -> None:
    # What execnet's own specs cut to pieces: spaces, quotes, and a double slash.
    launcher = tmp_path / "a launcher"
    launcher.write_text('#!/bin/sh\necho "launching $1"\nshift\nexec "$@"\n')
    launcher.chmod(0o755)
    worker = start(command=(str(launcher), "docker://x 'y'", sys.executable))
    assert messages(worker, job(tmp_path))[-1] == "result"
    assert "launching docker://x 'y'\n" in log.read_text()


def test_what_the_workload_prints_lands_in_the_log(start: Start, tmp_path: Path, log: Path) -> None:
    text = job(tmp_path)
    (tmp_path / "alpha.py").write_text(
        WORKLOAD + "print('out')\nprint('err', file=sys.stderr)\nos.system('echo from a child')\n"
    )
    assert messages(start(), text)[-1] == "result"
    assert {"out", "err", "from a child"} <= set(log.read_text().splitlines())


def test_a_missing_interpreter_is_one_line(start: Start) -> None:
    with pytest.raises(AttachError) as caught:
        start(command=("/nonexistent/python",))
    assert str(caught.value) == "cannot start /nonexistent/python: No such file or directory"


@pytest.mark.parametrize(
    ("config", "ending"),
    [
        ({"setup": "echo no licence; exit 7"}, "exit status 7"),
        ({"setup": "kill -9 $$"}, "killed by signal 9"),
        ({"command": ("true",)}, "exit status 0"),
        ({"command": ("echo", "hello")}, "exit status 0"),
        ({"setup": "exec /nonexistent/python"}, "exit status 127"),
    ],
)
def test_an_interpreter_that_ends_at_once_says_how(
    start: Start, tmp_path: Path, config: dict[str, object], ending: str
) -> None:
    worker = start(**config)
    with pytest.raises(AttachError) as caught:
        worker.attach(job(tmp_path))
    assert str(caught.value) == f"the interpreter ended at once ({ending})"
    worker.end()


def test_ending_takes_the_whole_tree_with_it(start: Start, tmp_path: Path, log: Path) -> None:
    worker = start(setup="sleep 300 & true")
    channel = worker.attach(job(tmp_path, hang=True))
    while "child" not in log.read_text():
        assert channel.receive(timeout=60)
        time.sleep(0.01)
    left_session = int(log.read_text().split("child")[1].split()[0])
    (first,) = [p for p in psutil.Process().children() if p.environ().get(RUN_VARIABLE)]
    tree = [first, *first.children(recursive=True)]
    assert len(tree) >= 3
    assert left_session in {process.pid for process in tree}
    worker.end(grace_seconds=0.1)
    _, alive = psutil.wait_procs(tree, timeout=30)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    assert worker.exit_text().startswith("killed by signal")


def test_a_bystander_is_never_touched(start: Start, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "300"]) as bystander:
        worker = start()
        worker.attach(job(tmp_path, hang=True))
        worker.kill()
        worker.end()
        assert not worker.alive
        assert bystander.poll() is None
        os.kill(bystander.pid, signal.SIGKILL)


def test_the_worker_knows_this_package_and_nothing_that_lies_beside_it(
    start: Start, tmp_path: Path, log: Path
) -> None:
    import accelbench

    text = job(tmp_path)
    (tmp_path / "alpha.py").write_text(
        WORKLOAD + "import accelbench\nprint('at', accelbench.__file__, 'path', sys.path)\n"
        "print('loaded', sorted({'pytest', 'scipy', 'psutil', 'torch'} & set(sys.modules)))\n"
    )
    assert messages(start(env=(("PYTHONPATH", ""),)), text)[-1] == "result"
    said = log.read_text()
    assert f"at {accelbench.__file__} path" in said
    assert "loaded []" in said


@pytest.fixture
def cancels(tmp_path: Path) -> tuple[str, ...]:
    """A command that records what it is called with."""
    script = tmp_path / "cancel"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/cancelled\n')
    script.chmod(0o755)
    return (str(script), "job", "of run")


def begun(tmp_path: Path, log: Path, *commands: tuple[str, ...]) -> Worker:
    env = {RUN_VARIABLE: tmp_path.name}
    return Worker((sys.executable,), env, log, [], commands)


def test_what_a_run_left_on_a_cluster_is_cancelled_where_it_did_not_end_by_itself(
    tmp_path: Path, log: Path, cancels: tuple[str, ...]
) -> None:
    worker = begun(tmp_path, log, ("/nonexistent/cancel",), ("false",), cancels)
    worker.attach(job(tmp_path, hang=True))
    worker.end(0.1)
    assert (tmp_path / "cancelled").read_text() == "job of run\n"


def test_nothing_is_cancelled_of_a_run_that_ended_by_itself(
    tmp_path: Path, log: Path, cancels: tuple[str, ...]
) -> None:
    assert messages(begun(tmp_path, log, cancels), job(tmp_path))[-1] == "result"
    assert not (tmp_path / "cancelled").exists()


def test_a_command_that_cancels_has_its_time(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, cancels: tuple[str, ...]
) -> None:
    monkeypatch.setattr("accelbench.workers.watchdog.CANCEL_SECONDS", 0.2)
    worker = begun(tmp_path, log, ("sleep", "300"), cancels)
    worker.end(0.1)
    assert (tmp_path / "cancelled").exists()
