"""One run from lease to Run: phases that add up, and every way to end as a state."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from accelbench import launch, lease
from accelbench.devices import DeviceConfig, Found
from accelbench.launch import Launch
from accelbench.lease import Holder
from accelbench.limits import parse_limits
from accelbench.progress import Progress
from accelbench.records import Job, Provenance, Run, RunSpec, Scalar, State

WORKLOAD = """
import os, sys, time
from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"mode": "learn", "where": ""}

def start(params, seed, data):
    mode = params.text("mode")
    if mode == "slow data":
        time.sleep(0.3)
    def step(number):
        if mode == "die":
            print("last words", flush=True)
            os._exit(3)
        if mode == "segfault":
            os.kill(os.getpid(), 11)
        if mode == "raise":
            raise RuntimeError("the device is on fire")
        if mode == "hang":
            print("about to hang", flush=True)
            sum(range(10 ** 12))
        if mode == "flood":
            os.write(1, b"x" * 79 + b"\\n")
        if mode == "slow":
            time.sleep(0.01)
        return float("nan") if mode == "diverge" else 1.0 / (1 + number)
    return Stepper(step, lambda: Evaluation(0.25, 10, 0.5), 4, 30)
"""


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.seen: list[Progress] = []
        self.waited: list[tuple[str, Holder | None]] = []

    def progress(self, progress: Progress) -> None:
        self.seen.append(progress)

    def waiting(self, unit: str, holder: Holder | None) -> None:
        self.waited.append((unit, holder))


Train = Callable[..., tuple[Run, Heard]]


@pytest.fixture
def train_own(tmp_path: Path, home: Path) -> Train:
    """Trains the workload above in a real worker; parameters by name."""
    path = tmp_path / "alpha.py"
    path.write_text(WORKLOAD)

    def begin(
        config: DeviceConfig | None = None,
        stall: tuple[str, ...] = (),
        run_timeout: float = 60,
        **params: Scalar,
    ) -> tuple[Run, Heard]:
        spec = RunSpec("alpha", "cpu", "numpy", "inline", 1, 2, params=tuple(params.items()))
        job = Job(spec, str(path), "own", None, heartbeat_seconds=0.05)
        source = Provenance("run/" + tmp_path.name, "s", "now", "file", "data", "Model", ())
        heard = Heard()
        how = Launch(
            Found("cpu", "Model", ("cpu",)),
            config or DeviceConfig(),
            parse_limits(run_timeout, stall),
            tmp_path / "run.log",
            heard,
        )
        return launch.run(job, source, how), heard

    return begin


def test_phases_sum_to_the_wall_clock_and_little_is_unexplained(train_own: Train) -> None:
    start = time.perf_counter()
    run, _ = train_own(mode="slow")
    wall = time.perf_counter() - start
    assert run.state == State("completed")
    phases = run.phases
    assert 0.8 * wall < phases.wall_seconds <= wall
    assert phases.steady > 0.5
    assert phases.first_step >= 0.01
    assert min(phases.attach, phases.imports, phases.teardown) > 0
    assert -1e-6 <= phases.unexplained <= 0.25 * wall


def test_every_part_of_a_run_is_there(train_own: Train) -> None:
    run, heard = train_own(mode="slow data")
    assert len(run.epochs) == 2
    assert len(run.steps.loss) == len(run.steps.data_seconds) == 60
    assert run.evaluation is not None
    assert run.evaluation.accuracy == 0.5
    assert run.phases.data >= 0.3
    assert run.provenance.workload_fingerprint == "file-0"
    treatment = dict(run.provenance.treatment)
    assert str(treatment["python"]) == sys.version.split()[0]
    assert "framework_version" in treatment
    phases = [each.phase for each in heard.seen]
    assert phases[0] == "attach"
    assert phases[-1] == "done"
    assert {"import", "data", "first_step", "steady", "evaluate"} <= set(phases)


def test_progress_tells_epoch_loss_and_rate(train_own: Train) -> None:
    _, heard = train_own(mode="slow")
    assert max(each.epoch for each in heard.seen) == 2
    assert any(each.loss is not None for each in heard.seen)
    assert any(each.samples_per_second for each in heard.seen if each.steps)
    assert {each.epochs for each in heard.seen if each.phase != "done"} == {2}


@pytest.mark.parametrize(
    ("mode", "state", "said"),
    [
        ("die", "crashed(exit status 3)", "exit status 3"),
        ("segfault", "crashed(killed by signal 11)", "killed by signal 11"),
        ("raise", "crashed(first_step)", "RuntimeError: the device is on fire"),
    ],
)
def test_a_worker_that_ends_itself_is_a_crash_with_its_last_words(
    train_own: Train, mode: str, state: str, said: str
) -> None:
    run, _ = train_own(mode=mode)
    assert str(run.state) == state
    assert said in run.message
    if mode == "die":
        assert run.message.endswith("--- last lines of the worker's output\nlast words")
    assert run.evaluation is None
    assert run.epochs == ()


def test_a_divergence_is_a_run_with_its_losses(train_own: Train) -> None:
    run, _ = train_own(mode="diverge")
    assert str(run.state) == "diverged"
    assert run.message.startswith("the loss is not finite after 1 epochs")
    assert len(run.epochs) == 1


def test_a_hang_that_holds_the_interpreter_lock_is_ended_by_its_phases_limit(
    train_own: Train,
) -> None:
    run, _ = train_own(mode="hang", stall=("first_step=1.5",))
    assert str(run.state) == "timed_out(first_step)"
    assert "--stall-timeout first_step=SECONDS raises it" in run.message
    assert run.message.endswith("about to hang")


def test_the_limit_of_the_whole_run_ends_it_although_it_goes_on(train_own: Train) -> None:
    run, _ = train_own(mode="slow", run_timeout=0.9, config=DeviceConfig(setup="sleep 0.8"))
    assert run.state.name == "timed_out"
    assert "--run-timeout SECONDS raises it" in run.message


def test_the_limit_of_the_whole_run_is_named_where_it_ends_the_attaching(train_own: Train) -> None:
    run, _ = train_own(run_timeout=0.5, config=DeviceConfig(setup="sleep 300"))
    assert str(run.state) == "timed_out(attach)"
    assert "--run-timeout SECONDS raises it" in run.message


def test_an_interpreter_that_never_comes_up_is_ended_in_attach(train_own: Train) -> None:
    config = DeviceConfig(setup="echo waiting for a licence; sleep 300")
    run, _ = train_own(config, stall=("attach=1",))
    assert str(run.state) == "timed_out(attach)"
    assert "waiting for a licence" in run.message


def test_a_missing_interpreter_is_a_crash_in_one_line(train_own: Train) -> None:
    run, _ = train_own(config=DeviceConfig(("/nonexistent/python",)))
    assert str(run.state) == "crashed(attach)"
    assert run.message == "cannot start /nonexistent/python: No such file or directory"


def test_an_interpreter_that_fails_shows_what_it_said(train_own: Train) -> None:
    run, _ = train_own(config=DeviceConfig(setup="echo no licence >&2; exit 7"))
    assert str(run.state) == "crashed(attach)"
    assert run.message == (
        "the interpreter ended at once (exit status 7)\n"
        "--- last lines of the worker's output\nno licence"
    )


def test_noise_of_the_setup_does_not_disturb_a_run(train_own: Train) -> None:
    run, _ = train_own(config=DeviceConfig(setup="echo noise", env=(("A", "1"),)))
    assert run.state.name == "completed"


def test_a_run_waits_for_its_unit_and_queueing_is_a_phase_of_its_own(
    train_own: Train, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = lease.hold(["cpu"], 1, home / "locks", "beta on cpu", lambda *_: None)
    held.__enter__()

    def waiting(heard: Heard, unit: str, holder: Holder | None) -> None:
        heard.waited.append((unit, holder))
        held.__exit__(None, None, None)

    monkeypatch.setattr(Heard, "waiting", waiting)
    run, heard = train_own()
    assert run.state.name == "completed"
    assert heard.waited == [("cpu", Holder(os.getpid(), "beta on cpu"))]
    assert run.phases.queue >= lease.POLL_SECONDS


def test_an_interruption_leaves_no_worker_and_frees_the_unit(
    train_own: Train, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[psutil.Process] = []

    def interrupt(_heard: Heard, progress: Progress) -> None:
        if progress.phase == "steady":
            seen.extend(psutil.Process().children(recursive=True))
            raise KeyboardInterrupt

    monkeypatch.setattr(Heard, "progress", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_own(mode="slow")
    assert seen
    _, alive = psutil.wait_procs(seen, timeout=30)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def never(unit: str, holder: Holder | None) -> None:
        raise AssertionError(f"{unit} is still held by {holder}")

    with lease.hold(["cpu"], 1, home / "locks", "next", never):
        pass


def test_a_flood_of_output_does_not_stop_a_run(train_own: Train, tmp_path: Path) -> None:
    run, _ = train_own(mode="flood")
    assert run.state.name == "completed"
    assert (tmp_path / "run.log").read_text().count("x" * 79 + "\n") == 60
