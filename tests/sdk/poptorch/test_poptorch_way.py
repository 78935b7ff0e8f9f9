"""Training through poptorch: what every option leaves as it is, and what it changes.

Held against the way `torch` in the same process, with the same torch. Runs where the stand-in does:
under Python 3.8 and torch 2.0.1 (`tox run -e worker38`).
"""

# ruff: noqa: ANN401  # torch and the stand-in are imported late: they have no types here

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from accelbench.records import DataFiles, Job, RunSpec
from accelbench.workers.engine import Params

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., Any]

if not sys.version.startswith("3.8."):
    pytest.skip(
        "the stand-in runs under Python 3.8: `tox run -e worker38`", allow_module_level=True
    )


@pytest.fixture(scope="module")
def torch() -> Any:
    import torch

    return torch


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DataFiles:
    """A decoded data set of 250 + 26 random images, 6 x 6, of ten classes."""
    import numpy as np

    folder = tmp_path_factory.mktemp("set")
    draw = np.random.RandomState(0)
    for part, count in (("train", 250), ("test", 26)):
        images = draw.randint(0, 256, (count, 6, 6)).astype(np.uint8)
        np.save(str(folder / f"{part}_images.npy"), images)
        np.save(str(folder / f"{part}_labels.npy"), (np.arange(count) % 10).astype(np.uint8))
    return DataFiles("made", "0" * 16, str(folder))


@pytest.fixture
def poptorch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The stand-in with its SDK enabled and one IPU, which nobody holds before or after."""
    for name in [each for each in os.environ if each.startswith(("POPTORCH_", "POPLAR_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POPLAR_SDK_ENABLED", "here")
    monkeypatch.chdir(tmp_path)
    poptorch = importlib.import_module("poptorch")
    hardware = importlib.import_module("poptorch._hardware")

    from accelbench.workers import host

    # Models this small are faster on one core than on two that others use too.
    monkeypatch.setattr(host, "usable_cores", lambda: 1)
    hardware._attempts[0] = 0
    yield poptorch
    hardware._held.clear()


@pytest.fixture
def start(torch: Any, poptorch: Any, files: DataFiles) -> Start:
    """Starts a training: `start("ipu", options={...}, dropout=0.5)`, on `cpu` by the way torch."""
    from accelbench.workers.ways import poptorch as ipu
    from accelbench.workers.ways import torch as cpu
    from accelbench.workers.workload import Training

    def begin(  # noqa: PLR0917  # what a test may change
        platform: str = "ipu",
        options: Any = (),
        phases: Any = None,
        replicas: int = 1,
        epochs: int = 9,
        dropout: float = 0.0,
        params: Any = (),
        **changes: Any,
    ) -> Any:
        def build(_params: Params) -> Training:
            layers = [torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()]
            layers += [torch.nn.Flatten(), torch.nn.Dropout(dropout), torch.nn.Linear(64, 10)]
            given = {
                "model": torch.nn.Sequential(*(layers if dropout else [layers[0], *layers[2:]])),
                "loss": torch.nn.functional.cross_entropy,
                "optimizer": lambda weights: torch.optim.SGD(weights, 0.1, momentum=0.5),
                "test_batch": 10,
                **changes,
            }
            return Training(**given)

        content = SimpleNamespace(NORMALISE=(0.0, 1.0), build=build)
        spec = RunSpec("made", platform, "torch", "made", 3, epochs, replicas=replicas)
        way = cpu if platform == "cpu" else ipu
        trained_by = "torch" if platform == "cpu" else "poptorch"
        given = tuple(dict(options).items())
        job = Job(spec, "made.py", trained_by, files, platform=platform, options=given)
        values = {"batch_size": 4, "train_samples": 0, **dict(params)}
        entered = [].append if phases is None else phases.append
        engine: Any = way.start(job, content, Params(values), entered)
        engine.compile()
        return engine

    return begin


def epoch(engine: Any) -> list[float]:
    """Train one epoch; return the loss of every step."""
    engine.begin_epoch()
    steps = range(0, engine.steps_per_epoch, getattr(engine, "steps_per_update", 1))
    return list(engine.read_losses([engine.update(engine.fetch(step)) for step in steps]))


def close_to(numbers: Any) -> Any:
    return pytest.approx(numbers, rel=2e-5, abs=2e-6)


# -------------------------------------------------------------------------- the same as anywhere
@pytest.mark.parametrize("loader", ["resident", "sync", "async"])
def test_every_loader_brings_the_samples_of_any_device_in_their_order(
    start: Start, loader: str
) -> None:
    # 62 steps of 4: 31 a call; and 25 a call, which leaves 12 steps out of each epoch
    there, here = start(options={"loader": loader, "device_iterations": 25}), start("cpu")
    assert (there.steps_per_update, there.steps_per_epoch) == (25, 50)
    first = epoch(there)
    assert first == close_to(epoch(here)[:50])
    here.begin_epoch()
    there.begin_epoch()
    inputs, targets = there.fetch(0)
    wanted = [here.fetch(step) for step in range(25)]
    assert inputs.tolist() == [row for each in wanted for row in each[0].tolist()]
    assert targets.tolist() == [row for each in wanted for row in each[1].tolist()]
    there.close()
    if loader == "async":
        there.begin_epoch()
        with pytest.raises(AssertionError, match="terminated"):
            there.fetch(0)


def test_epochs_and_evaluations_are_the_cpus(start: Start) -> None:
    there, here = start(), start("cpu")
    assert there.steps_per_update == 31
    for _ in range(2):
        assert epoch(there) == close_to(epoch(here))
        ours, theirs = there.evaluate(), here.evaluate()
        assert ours.samples == theirs.samples == 26  # the last of three batches is filled up
        assert ours.loss == close_to(theirs.loss)
        assert ours.accuracy == theirs.accuracy
    assert (there.parameters, there.batch_size) == (here.parameters, here.batch_size)
    there.close()


def test_accumulated_gradients_are_the_whole_batchs(start: Start) -> None:
    there, here = start(options={"gradient_accumulation": 2}), start("cpu")
    assert epoch(there) == close_to(epoch(here))
    assert (there.batch_size, there.steps_per_epoch) == (4, 62)
    there.close()


def test_replicas_are_a_batch_so_many_times_as_large(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "2")
    there = start(replicas=2, options={"gradient_accumulation": 2})
    here = start("cpu", params={"batch_size": 8})
    assert (there.batch_size, there.steps_per_epoch) == (8, 31)
    assert epoch(there) == close_to(epoch(here))
    assert there.evaluate().loss == close_to(here.evaluate().loss)
    there.close()


def test_replicas_keep_batch_statistics_of_their_own(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "2")
    there = start(replicas=2, dropout=1e-9)
    assert epoch(there)[-1] < 2.5
    there.close()


def test_what_a_loading_process_unpickles_can_be_imported_while_it_loads(start: Start) -> None:
    package = str(Path(importlib.import_module("accelbench").__file__ or "").parent)
    before = list(sys.path)
    engine = start(options={"loader": "async"})
    (folder,) = [Path(each) for each in sys.path if each not in before]
    assert [str(each.resolve()) for each in folder.iterdir()] == [package]
    assert [each.name for each in folder.iterdir()] == ["accelbench"]
    engine.close()
    assert sys.path == before
    assert not folder.exists()


def test_a_sum_gives_every_step_of_a_call_their_mean(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "2")
    options = {"gradient_accumulation": 2, "device_iterations": 5}
    every = start(replicas=2, options={**options, "output_mode": "all"})
    losses, evaluation = epoch(every), every.evaluate()
    every.close()
    summed = start(replicas=2, options={**options, "output_mode": "sum"})
    means = epoch(summed)
    assert len(means) == len(losses) == 30
    for call in range(0, 30, 5):
        assert means[call : call + 5] == close_to([sum(losses[call : call + 5]) / 5] * 5)
    assert summed.evaluate() == evaluation
    summed.close()


def test_an_epoch_of_stated_steps_cycles_over_the_set(start: Start) -> None:
    there, here = start(steps_per_epoch=70), start("cpu", steps_per_epoch=70)
    assert (there.steps_per_update, there.steps_per_epoch) == (35, 70)
    assert epoch(there) == close_to(epoch(here))
    there.close()


def test_steps_that_no_call_takes_leave_the_order_of_the_next_epoch_as_it_is(start: Start) -> None:
    # 70 steps need a second pass over the set, the 60 that a call takes do not
    given = {"steps_per_epoch": 70, "options": {"device_iterations": 60}}
    there, here = start(**given), start("cpu", steps_per_epoch=70)
    for engine in (there, here, there, here):
        engine.begin_epoch()
    wanted = [label for step in range(60) for label in here.fetch(step)[1].tolist()]
    assert there.fetch(0)[1].tolist() == wanted
    there.close()


@pytest.mark.parametrize("loader", ["resident", "sync"])
def test_augmented_samples_are_those_of_any_device(torch: Any, start: Start, loader: str) -> None:
    from accelbench.workers.workload import Augmentation

    noise = Augmentation(2, lambda inputs, draws: inputs + draws.sum(1)[:, None, None, None])
    there, here = start(options={"loader": loader}, augment=noise), start("cpu", augment=noise)
    assert epoch(there) == close_to(epoch(here))
    there.close()


def test_evaluation_drops_out_nothing_and_training_goes_on_as_before(start: Start) -> None:
    looked = start(dropout=0.5)
    losses = epoch(looked)
    first, second = looked.evaluate(), looked.evaluate()
    assert first == second
    losses += epoch(looked)
    looked.close()
    not_looked = start(dropout=0.5)
    # Dropout's draws are the device's own: they are repeated from the run's seed.
    assert losses == epoch(not_looked) + epoch(not_looked)
    not_looked.close()


def test_one_ipu_is_enough_and_is_given_back(poptorch: Any, start: Start) -> None:
    hardware = importlib.import_module("poptorch._hardware")

    engine = start(epochs=2)
    assert len(hardware._held) == 1
    for wanted in (1, 0):  # after the last epoch it is not attached again
        epoch(engine)
        engine.evaluate()
        assert len(hardware._held) == wanted
    engine.close()
    engine = start(epochs=2)
    engine.close()
    assert not hardware._held


# ---------------------------------------------------------------------------- options and treatment
def test_options_reach_poptorch_and_are_told_in_full(
    start: Start, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "4")
    given = {
        "device_iterations": 5,
        "gradient_accumulation": 2,
        "available_memory_proportion": 0.3,
        "auto_round_ipus": True,
        "executable_cache": "kept",
        "output_mode": "sum",
    }
    engine = start(replicas=3, options=given)
    out = capfd.readouterr().out
    for line in (
        "device_iterations: 5",
        "gradient_accumulation: 2",
        "replication_factor: 3",
        "available_memory_proportion: {'IPU0': 0.3}",
        "auto_round_num_ipus: True",
        f"cache_dir: {Path.cwd()}/kept",
        "output_mode: OutputMode.Sum",
        "random_seed: 3",
        "connection_type: ConnectionType.Always",
    ):
        assert line in out
    treatment = dict(engine.treatment())
    assert {name: treatment[name] for name in given} == given
    assert treatment["poptorch_version"] == "3.4.0-standin"
    engine.close()


def test_a_kept_executable_is_found_again(start: Start) -> None:
    said = []
    for _ in range(2):
        engine = start(options={"executable_cache": "kept"})
        said.append(dict(engine.treatment())["executable"])
        engine.close()
    assert said == ["compiled", "from the cache"]


def test_an_emulated_ipu_keeps_no_executables_and_says_nothing_of_them(
    start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPTORCH_IPU_MODEL", "1")
    for _ in range(2):
        engine = start("ipu-model", options={"executable_cache": "kept"})
        assert "executable" not in dict(engine.treatment())
        engine.close()
    assert not Path("kept").exists()
    assert not [record for record in caplog.records if "cached" in record.getMessage()]


def test_a_cache_that_the_sdk_writes_nothing_into_is_no_hit(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware = importlib.import_module("poptorch._hardware")
    monkeypatch.setattr(hardware, "emulates", lambda _options: True)
    engine = start(options={"executable_cache": "kept"})
    assert "executable" not in dict(engine.treatment())
    engine.close()


def test_without_a_cache_nothing_is_said_of_one(start: Start) -> None:
    engine = start()
    assert "executable" not in dict(engine.treatment())
    assert dict(engine.treatment())["at_start_compilation_seconds"] > 0
    engine.close()


def test_a_compilation_that_the_sdk_did_not_time_is_no_error(
    start: Start, poptorch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poptorch.Options, "show_compilation_progress_bar", False, raising=False)
    engine = start()
    assert "at_start_compilation_seconds" not in dict(engine.treatment())
    engine.close()


@pytest.mark.parametrize("told", [None, TypeError])
def test_a_compilation_time_that_never_began_is_no_error(
    poptorch: Any, start: Start, monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    def compilation_time(_executor: Any) -> None:
        if told is not None:
            raise told("unsupported operand type(s) for -: 'NoneType' and 'NoneType'")

    monkeypatch.setattr(poptorch.PoplarExecutor, "compilationTime", compilation_time)
    engine = start()
    assert "at_start_compilation_seconds" not in dict(engine.treatment())
    engine.close()


def test_an_emulated_ipu_needs_none(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "0")
    monkeypatch.setenv("POPTORCH_IPU_MODEL", "")
    engine, here = start("ipu-model"), start("cpu")
    assert os.environ["POPTORCH_IPU_MODEL"] == "1"
    assert epoch(engine) == close_to(epoch(here))
    engine.close()


# ------------------------------------------------------------------------------- what is refused
def test_what_the_sdk_cannot_train_is_unsupported_in_one_line(torch: Any, start: Start) -> None:
    from accelbench.workers.failure import UnsupportedError

    def nesterov(weights: Any) -> Any:
        return torch.optim.SGD(weights, 0.1, momentum=0.9, nesterov=True)

    def amsgrad(weights: Any) -> Any:
        return torch.optim.Adam(weights, amsgrad=True)

    for changes, said in (
        ({"optimizer": torch.optim.Adagrad}, "SGD, Adam, AdamW, RMSprop and poptorch.optim.LAMB, "),
        ({"optimizer": nesterov}, "SGD has no nesterov"),
        ({"optimizer": amsgrad}, "Adam has no amsgrad"),
        ({"params": {"precision": "bfloat16"}}, "float32 on an IPU, not in bfloat16"),
    ):
        with pytest.raises(UnsupportedError, match=said) as caught:
            start(**changes)
        assert "\n" not in str(caught.value)


def test_options_that_do_not_fit_are_refused_in_one_line(start: Start) -> None:
    from accelbench.workers.workload import Augmentation

    local = Augmentation(1, lambda inputs, _draws: inputs)
    for options, said in (
        ({"loader": "foo"}, "option loader must be resident, sync or async, not 'foo'"),
        ({"loader": "async"}, "option loader must be resident or sync, not 'async': what augments"),
        ({"gradient_accumulation": 3}, "must be a divisor of the batch size 4, .* not 3"),
        ({"output_mode": "final"}, "option output_mode must be all or sum, not 'final'"),
        ({"device_iterations": 63}, "must be at most 62, the steps of an epoch, .* not 63"),
        ({"available_memory_proportion": 1.5}, "must be above 0 and at most 1, .* not 1.5"),
        ({"executable_cache": "/proc/nowhere"}, "executable_cache must be a folder .*: No such "),
        ({"executable_cache": __file__}, "executable_cache must be a folder .*: File exists"),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            start(options=options, augment=local)
        assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------ a lost device
def test_a_busy_ipu_is_waited_for_in_the_queue(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setenv("POPTORCH_WAIT_FOR_IPU", "1")
    monkeypatch.setenv("POPTORCH_STANDIN_BUSY", "2")
    phases: list[str] = []
    engine = start(phases=phases)
    assert "POPTORCH_WAIT_FOR_IPU" not in os.environ
    assert phases == ["data", "queue", "compile", "queue", "compile"]
    assert [each for each in slept if each > 1] == [15.0, 15.0]
    engine.close()


def trained(start: Start, phases: list[str]) -> None:
    """Train one epoch and evaluate; close, whatever comes of it."""
    engine = start(phases=phases)
    try:
        epoch(engine)
        engine.evaluate()
    finally:
        engine.close()


@pytest.mark.parametrize("attempt", [3, 4], ids=["after compiling", "to evaluate"])
def test_an_ipu_that_is_taken_between_is_lost_at_once_and_not_asked_for_again(
    start: Start, monkeypatch: pytest.MonkeyPatch, attempt: int
) -> None:
    from accelbench.workers.failure import DeviceLostError

    monkeypatch.setenv("POPTORCH_WAIT_FOR_IPU", "1")
    monkeypatch.setenv("POPTORCH_STANDIN_BUSY", f"1@{attempt}")
    phases: list[str] = []
    with pytest.raises(DeviceLostError, match="others took them in between") as caught:
        trained(start, phases)
    assert caught.value.run_state == "device_lost(busy)"
    assert "queue" not in phases


def test_more_ipus_than_there_are_is_no_busy_device(poptorch: Any, start: Start) -> None:
    os.environ["POPTORCH_WAIT_FOR_IPU"] = "1"  # taken away by the way: nothing to restore
    with pytest.raises(poptorch.Error, match="No device of 2 IPUs is in this system"):
        start(replicas=2)


def test_a_busy_ipu_is_lost_where_nobody_waits(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelbench.workers.failure import DeviceLostError

    monkeypatch.setenv("POPTORCH_STANDIN_BUSY", "1")
    with pytest.raises(DeviceLostError, match="POPTORCH_WAIT_FOR_IPU") as caught:
        start()
    assert caught.value.run_state == "device_lost(busy)"


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("ipu_reset@1", "device_lost(ipu_reset)"),
        ("link_reset@2", "device_lost(link_reset)"),
        ("partition_reset@1", "device_lost(partition_reset)"),
        ("full_reset@1", "device_lost(full_reset)"),
        ("unrecoverable@1", "device_lost(unrecoverable)"),
    ],
)
def test_a_lost_device_says_what_it_needs(
    start: Start, monkeypatch: pytest.MonkeyPatch, fault: str, state: str
) -> None:
    from accelbench.workers.failure import DeviceLostError

    monkeypatch.setenv("POPTORCH_STANDIN_FAULT", fault)
    with pytest.raises(DeviceLostError) as caught:
        epoch(start())
    assert caught.value.run_state == state
    assert "\n" not in str(caught.value)


def test_an_error_of_the_model_is_no_lost_device(
    poptorch: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPTORCH_STANDIN_FAULT", "error@compile")
    with pytest.raises(poptorch.Error, match="Out of memory"):
        start()
