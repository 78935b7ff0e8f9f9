"""The stand-in of poptorch keeps the SDK's contract; each test names the section it comes from.

Runs where the stand-in does: under Python 3.8 and torch 2.0.1 (`tox run -e worker38`).
"""

# ruff: noqa: ANN401  # the stand-in is imported late: it has no types here

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

if not sys.version.startswith("3.8."):
    pytest.skip(
        "the stand-in runs under Python 3.8: `tox run -e worker38`", allow_module_level=True
    )

IMPORT = [sys.executable, "-c", "import poptorch"]


@pytest.fixture
def torch() -> Any:
    torch = importlib.import_module("torch")
    torch.manual_seed(1)
    return torch


@pytest.fixture
def poptorch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The stand-in with its SDK enabled, no faults, one IPU that nobody holds."""
    for name in [each for each in os.environ if each.startswith(("POPTORCH_", "POPLAR_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POPLAR_SDK_ENABLED", "here")
    monkeypatch.chdir(tmp_path)
    poptorch = importlib.import_module("poptorch")
    hardware = importlib.import_module("poptorch._hardware")

    hardware._attempts[0] = 0
    yield poptorch
    hardware._held.clear()


def net(torch: Any, *, marks: Any = None) -> Any:
    """Return a small model that computes its loss where it is given targets."""

    class Net(torch.nn.Module):  # type: ignore[misc]  # torch is imported late: it has no types
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 2)
            self.drop = torch.nn.Dropout(0.5)

        def forward(self, inputs: Any, targets: Any = None) -> Any:
            outputs = self.drop(self.layer(inputs))
            if targets is None:
                return outputs
            return outputs, torch.nn.functional.cross_entropy(outputs, targets)

    return Net()


def batch(torch: Any, count: int) -> Any:
    return torch.randn(count, 3), torch.arange(count) % 2


def trained(poptorch: Any, torch: Any, options: Any, count: int, **more: Any) -> Any:
    """Return a training model, and what its first call returned for so many samples."""
    model = poptorch.trainingModel(net(torch), options, **more)
    return model, model(*batch(torch, count))


# ---------------------------------------------------------------------------- import, availability
@pytest.mark.parametrize(
    ("env", "error", "said"),
    [
        # poptorch 3.4: import, torch version
        ({"POPTORCH_STANDIN_TORCH": "1.13.1"}, "AssertionError", "only works with torch==1.13.1"),
        # poptorch 3.4: import, active SDK
        ({"POPLAR_SDK_ENABLED": ""}, "ImportError", "without an active Poplar SDK"),
    ],
)
def test_the_import_fails_as_the_sdks_does(env: dict[str, str], error: str, said: str) -> None:
    done = subprocess.run(
        IMPORT,
        env={**os.environ, "POPLAR_SDK_ENABLED": "here", **env},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(error)
    assert said in last


def test_availability_counts_ipus_and_knows_none_behind_a_model(
    poptorch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # poptorch 3.4: availability
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "4")
    found = [n for n in range(1, 9) if poptorch.ipuHardwareIsAvailable(n)]
    assert found == [1, 2, 4]  # devices are of powers of two
    assert poptorch.ipuHardwareVersion() == 2
    monkeypatch.setenv("POPTORCH_IPU_MODEL", "1")
    assert not poptorch.ipuHardwareIsAvailable()
    with pytest.raises(AssertionError):
        poptorch.ipuHardwareVersion()


# ---------------------------------------------------------------------------------------- options
@pytest.mark.parametrize("user", ["loader", "training", "inference"])
def test_the_first_use_freezes_options_and_a_clone_is_free(
    poptorch: Any, torch: Any, user: str
) -> None:
    # poptorch 3.4: Options, frozen
    options = poptorch.Options()
    if user == "loader":
        poptorch.DataLoader(options, torch.utils.data.TensorDataset(torch.zeros(4, 3)))
    else:
        wrap = poptorch.trainingModel if user == "training" else poptorch.inferenceModel
        wrap(net(torch), options)
    changes: list[Callable[[Any], Any]] = [
        lambda each: each.deviceIterations(2),
        lambda each: each.Training.gradientAccumulation(2),
        lambda each: each.randomSeed(3),
    ]
    for change in changes:
        with pytest.raises(AttributeError, match="Can't modify frozen Options"):
            change(options)
        change(options.clone())
    assert options.clone().deviceIterations(2).device_iterations == 2
    assert options.device_iterations == 1


def test_a_seed_seeds_torch_too(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: Options, randomSeed
    poptorch.Options().randomSeed(7)
    first = torch.rand(3)
    torch.manual_seed(7)
    assert torch.equal(first, torch.rand(3))


def test_options_print_every_value(poptorch: Any) -> None:
    text = str(poptorch.Options().deviceIterations(12))
    assert "device_iterations: 12" in text
    assert "gradient_accumulation: 1" in text


# ----------------------------------------------------------------------------- batches and outputs
# 3 iterations x accumulation 2 x 2 replicas of 2 samples: (mode, micro-batches that return).
SHAPES = [("All", None, 12), ("Final", None, 2), ("Sum", None, 2), ("EveryN", 3, 4)]


@pytest.mark.parametrize(("mode", "period", "count"), SHAPES)
def test_each_output_mode_multiplies_the_first_dimension(  # noqa: PLR0917  # fixtures
    poptorch: Any,
    torch: Any,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    period: int,
    count: int,
) -> None:
    # poptorch 3.4: semantics, returned shapes
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "2")
    options = poptorch.Options().deviceIterations(3).replicationFactor(2)
    options.Training.gradientAccumulation(2)
    options.outputMode(getattr(poptorch.OutputMode, mode), period)
    _, (outputs, losses) = trained(poptorch, torch, options, 24)
    assert outputs.shape == (2 * count, 2)
    assert losses.shape == (count,)


@pytest.mark.parametrize(
    ("mode", "iterations", "dims"), [("Final", 5, 0), ("All", 5, 1), ("All", 1, 0)]
)
def test_a_scalar_has_a_dimension_only_where_several_return(
    poptorch: Any, torch: Any, mode: str, iterations: int, dims: int
) -> None:
    # poptorch 3.4: semantics, returned shapes
    options = poptorch.Options().deviceIterations(iterations)
    options.outputMode(getattr(poptorch.OutputMode, mode))
    _, (_, loss) = trained(poptorch, torch, options, 10)
    assert loss.dim() == dims


def test_the_default_is_the_last_output_in_training_and_all_in_inference(
    poptorch: Any, torch: Any
) -> None:
    # poptorch 3.4: semantics, default output mode
    options = poptorch.Options().deviceIterations(5)
    model, (outputs, _) = trained(poptorch, torch, options, 10)
    assert outputs.shape == (2, 2)
    model.detachFromDevice()
    infer = poptorch.inferenceModel(net(torch).eval(), poptorch.Options().deviceIterations(5))
    assert infer(batch(torch, 10)[0]).shape == (10, 2)


def test_all_outputs_come_in_the_order_iterations_accumulation_replicas(
    poptorch: Any, torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PopART: IStepIO, the buffer of an anchor that returns all
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "2")
    options = poptorch.Options().deviceIterations(2).replicationFactor(2)
    options.Training.gradientAccumulation(3)
    options.outputMode(poptorch.OutputMode.All)
    model, inputs = net(torch).eval(), batch(torch, 24)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    outputs, _ = poptorch.trainingModel(model, options, still)(*inputs)
    assert torch.allclose(outputs, model(inputs[0]))


def test_a_batch_that_does_not_divide_is_refused(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: semantics, combined batch
    with pytest.raises(AssertionError, match="Invalid batch dimension"):
        trained(poptorch, torch, poptorch.Options().deviceIterations(4), 10)


def test_the_weights_are_those_of_as_many_updates_on_the_host(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: semantics, weight updates a call
    model, (inputs, targets) = net(torch).eval(), batch(torch, 12)
    here = net(torch).eval()
    here.load_state_dict(model.state_dict())
    options = poptorch.Options().deviceIterations(3)
    options.Training.gradientAccumulation(2)
    there = poptorch.trainingModel(model, options, torch.optim.SGD(model.parameters(), lr=0.5))
    there(inputs, targets)
    optimizer = torch.optim.SGD(here.parameters(), lr=0.5)
    for step in range(3):
        part = slice(4 * step, 4 * step + 4)
        optimizer.zero_grad()
        here(inputs[part], targets[part])[1].backward()
        optimizer.step()
    assert torch.allclose(model.layer.weight, here.layer.weight)
    assert not torch.equal(model.layer.weight, net(torch).layer.weight)


def test_other_shapes_and_types_need_another_model(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: semantics, fixed inputs
    model, _ = trained(poptorch, torch, None, 4)
    for inputs in (batch(torch, 3), (torch.randn(4, 3).half(), torch.arange(4) % 2)):
        with pytest.raises(poptorch.Error, match=r"destroy\(\)"):
            model(*inputs)


def test_wide_types_are_narrowed_with_a_warning(
    poptorch: Any, torch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # poptorch 3.4: semantics, coercion
    model = poptorch.trainingModel(net(torch))
    inputs, targets = batch(torch, 4)
    outputs, _ = model(inputs.double(), targets)
    assert outputs.dtype == torch.float32
    said = [record.getMessage() for record in caplog.records]
    assert ["float64" in said[0], "int64" in said[1], len(said)] == [True, True, 2]


def test_backward_runs_inside_the_call_alone(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: semantics, backward
    _, (_, loss) = trained(poptorch, torch, None, 4)
    with pytest.raises(poptorch.Error, match="cannot be called"):
        loss.backward()


def test_a_training_model_without_a_loss_is_an_error(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: semantics, the loss is computed in forward()
    with pytest.raises(poptorch.Error, match="loss"):
        poptorch.trainingModel(net(torch))(torch.randn(4, 3))


def test_the_modes_of_layers_are_compiled_in(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: semantics, train() and eval() before wrapping
    model, inputs = net(torch).eval(), torch.randn(50, 3)
    infer = poptorch.inferenceModel(model)
    infer.compile(inputs)
    model.train()
    assert torch.equal(infer(inputs), infer(inputs))
    infer.detachFromDevice()
    dropping = poptorch.inferenceModel(model)
    assert not torch.equal(dropping(inputs), dropping(inputs))


# ------------------------------------------------------------------------------------- optimizers
def test_an_optimizer_keeps_its_rate_until_it_is_set_again(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: optim, setOptimizer
    model = net(torch)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    there = poptorch.trainingModel(model, None, optimizer)
    data, weight = batch(torch, 4), model.layer.weight
    start = weight.detach().clone()
    optimizer.param_groups[0]["lr"] = 0.0
    there(*data)
    moved = weight.detach().clone()
    assert not torch.equal(start, moved)
    there.setOptimizer(optimizer)
    there(*data)
    assert torch.equal(weight.detach(), moved)


def test_without_an_optimizer_it_is_sgd_at_a_hundredth(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: trainingModel
    told = poptorch.trainingModel(net(torch))._told
    assert (told[0], told[1][0]["lr"]) == (torch.optim.SGD, 0.01)


def test_optimizers_of_other_kinds_are_not_run(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: optim
    weights = list(net(torch).parameters())
    with pytest.raises(AssertionError, match="Unsupported optimizer"):
        poptorch.trainingModel(net(torch), None, torch.optim.Adagrad(weights))
    nesterov = torch.optim.SGD(weights, 0.1, momentum=0.9, nesterov=True)
    with pytest.raises(ValueError, match="Nesterov"):
        poptorch.trainingModel(net(torch), None, nesterov)
    for kind in ("SGD", "Adam", "AdamW", "RMSprop"):
        for space in (torch.optim, poptorch.optim):
            model = net(torch)
            made = getattr(space, kind)(model.parameters(), lr=0.1)
            there = poptorch.trainingModel(model, None, made)
            there(*batch(torch, 4))
            there.detachFromDevice()


# -------------------------------------------------------------------------- wrapping and the device
def test_a_model_is_wrapped_once(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: trainingModel, wrapping twice
    model = net(torch)
    plain = type(model)
    first = poptorch.trainingModel(model)
    assert type(model) is not plain
    with pytest.raises(RuntimeError, match="Model has already been wrapped"):
        poptorch.trainingModel(model)
    first.destroy()
    assert type(model) is plain
    poptorch.trainingModel(model)
    model.destroy()
    assert type(model) is plain


def test_inference_accumulates_no_gradients(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: inferenceModel
    options = poptorch.Options()
    options.Training.gradientAccumulation(2)
    with pytest.raises(poptorch.Error, match="inference"):
        poptorch.inferenceModel(net(torch), options)


def test_attaching_and_detaching_need_each_other(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: executor, attachToDevice, detachFromDevice
    model = poptorch.trainingModel(net(torch))
    for act in (model.attachToDevice, model.detachFromDevice, model.copyWeightsToHost):
        with pytest.raises(poptorch.Error, match="not been compiled"):
            act()
    assert not model.isCompiled()
    model.compile(*batch(torch, 4))
    assert model.isCompiled()
    assert model.isAttachedToDevice()
    with pytest.raises(poptorch.Error, match="already attached"):
        model.attachToDevice()
    model.detachFromDevice()
    assert not model.isAttachedToDevice()
    with pytest.raises(poptorch.Error, match="not attached"):
        model.detachFromDevice()


def test_compiling_twice_is_ignored_with_a_warning(
    poptorch: Any, torch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # poptorch 3.4: executor, compile()
    model = poptorch.trainingModel(net(torch))
    model.compile(*batch(torch, 4))
    model.compile(*batch(torch, 8))
    assert "ignored" in caplog.records[-1].getMessage()
    assert model(*batch(torch, 4))[0].shape == (4, 2)


def test_one_ipu_holds_one_model(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: exceptions, all IPUs busy
    first = poptorch.trainingModel(net(torch))
    first.compile(*batch(torch, 4))
    second = poptorch.inferenceModel(net(torch))
    with pytest.raises(poptorch.Error, match="Failed to acquire"):
        second.compile(batch(torch, 4)[0])
    first.detachFromDevice()
    second.compile(batch(torch, 4)[0])
    with pytest.raises(poptorch.Error, match="Failed to acquire"):
        first.attachToDevice()


def test_an_executor_that_could_not_be_attached_is_of_no_use_any_more(
    poptorch: Any, torch: Any
) -> None:
    # poptorch 3.4: executor, attachToDevice where the device is taken
    first, second = (poptorch.trainingModel(net(torch)) for _ in range(2))
    first.compile(*batch(torch, 4))
    first.detachFromDevice()
    second.compile(*batch(torch, 4))
    with pytest.raises(poptorch.Error, match="Failed to acquire"):
        first.attachToDevice()
    second.detachFromDevice()
    uses: list[Callable[[], Any]] = [
        first.attachToDevice,
        first.detachFromDevice,
        first.isAttachedToDevice,
        first.copyWeightsToHost,
        first.destroy,
        lambda: first(*batch(torch, 4)),
    ]
    for use in uses:
        with pytest.raises(RuntimeError, match="would have crashed"):
            use()


def test_a_machine_that_has_not_so_many_ipus_says_so_below(
    poptorch: Any, torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # poptorch 3.4: exceptions, the system's configuration
    monkeypatch.setenv("POPTORCH_STANDIN_BUSY", "1")
    for replicas, lines in ((1, 1), (2, 2)):
        with pytest.raises(poptorch.Error) as caught:
            trained(poptorch, torch, poptorch.Options().replicationFactor(replicas), 4)
        said = caught.value.message.splitlines()
        assert said[0] == f"Failed to acquire {replicas} IPU(s)"
        assert len(said) == lines


@pytest.mark.parametrize("writes", [True, False])
def test_buffers_that_a_model_writes_are_not_broadcast_to_replicas(
    poptorch: Any, torch: Any, monkeypatch: pytest.MonkeyPatch, writes: bool
) -> None:
    # poptorch 3.4: Options, broadcastBuffers
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "2")
    model = net(torch)
    model.layer = torch.nn.Sequential(torch.nn.BatchNorm1d(3), model.layer)
    model.train(writes)
    options = poptorch.Options().replicationFactor(2)
    if writes:
        with pytest.raises(poptorch.Error, match=r"broadcastBuffers\(False\)"):
            poptorch.trainingModel(model, options)(*batch(torch, 8))
        model.destroy()
        options = options.clone().broadcastBuffers(False)
    poptorch.trainingModel(model, options)(*batch(torch, 8))


def test_three_replicas_need_rounding_to_four_ipus(
    poptorch: Any, torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # poptorch 3.4: Options, autoRoundNumIPUs
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "4")
    options = poptorch.Options().replicationFactor(3)
    with pytest.raises(poptorch.Error, match="power of 2"):
        trained(poptorch, torch, options, 6)
    trained(poptorch, torch, options.clone().autoRoundNumIPUs(True), 6)


def test_an_emulated_ipu_takes_none(
    poptorch: Any, torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # poptorch 3.4: Options, useIpuModel; environment, POPTORCH_IPU_MODEL
    monkeypatch.setenv("POPTORCH_STANDIN_IPUS", "0")
    with pytest.raises(poptorch.Error, match="Failed to acquire"):
        trained(poptorch, torch, None, 4)
    trained(poptorch, torch, poptorch.Options().useIpuModel(True), 4)
    monkeypatch.setenv("POPTORCH_IPU_MODEL", "1")
    trained(poptorch, torch, None, 4)


def test_waiting_for_an_ipu_has_no_limit_of_its_own(
    poptorch: Any, torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # poptorch 3.4: environment, POPTORCH_WAIT_FOR_IPU
    hardware = importlib.import_module("poptorch._hardware")

    slept: list[float] = []
    monkeypatch.setattr(hardware.time, "sleep", slept.append)
    monkeypatch.setenv("POPTORCH_WAIT_FOR_IPU", "1")
    monkeypatch.setenv("POPTORCH_STANDIN_BUSY", "40")
    trained(poptorch, torch, None, 4)
    assert slept[:40] == [15] * 40


@pytest.mark.parametrize("reader", ["detach", "copy", "parameter", "state_dict"])
def test_weights_come_back_when_they_are_asked_for(poptorch: Any, torch: Any, reader: str) -> None:
    # poptorch 3.4: semantics, reading weights
    model = net(torch)
    weight = model.layer.weight
    held = object.__getattribute__(weight, "data")
    before = held.clone()
    there = poptorch.trainingModel(model)
    there(*batch(torch, 4))
    assert torch.equal(held, before)
    if reader == "detach":
        there.detachFromDevice()
    elif reader == "copy":
        there.copyWeightsToHost()
    elif reader == "parameter":
        weight.sum()
    else:
        model.state_dict()
    assert not torch.equal(held, before)


def test_inference_takes_over_what_the_training_of_its_model_reached(
    poptorch: Any, torch: Any
) -> None:
    # poptorch 3.4: semantics, weights of a model that is wrapped twice
    model = net(torch)
    there = poptorch.trainingModel(model, None, torch.optim.SGD(model.parameters(), lr=1.0))
    inputs, targets = batch(torch, 4)
    there(inputs, targets)
    there.detachFromDevice()
    infer = poptorch.inferenceModel(model.eval())
    assert torch.equal(infer(inputs), model(inputs))
    infer.detachFromDevice()
    there(inputs, targets)
    there.detachFromDevice()
    assert torch.equal(infer(inputs), model(inputs))


# ------------------------------------------------------------------------- compilation, the cache
def test_the_compilation_time_is_the_progress_bars(
    poptorch: Any, torch: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    # poptorch 3.4: executor, compilationTime()
    model = poptorch.trainingModel(net(torch))
    with pytest.raises(poptorch.Error, match="not been compiled"):
        model.compilationTime()
    model.compile(*batch(torch, 4))
    assert isinstance(model.compilationTime(), timedelta)
    assert "Graph compilation: 100%" in capfd.readouterr().err
    model.destroy()
    silent = poptorch.Options().showCompilationProgressBar(False)
    model, _ = trained(poptorch, torch, silent, 4)
    with pytest.raises(poptorch.Error, match="showCompilationProgressBar"):
        model.compilationTime()
    assert not capfd.readouterr().err


@pytest.mark.parametrize("by", ["option", "variable"])
def test_executables_are_kept_and_found_again(
    poptorch: Any, torch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    # poptorch 3.4: Options, enableExecutableCaching; environment, POPTORCH_CACHE_DIR
    folder = tmp_path / "cache"
    if by == "variable":
        monkeypatch.setenv("POPTORCH_CACHE_DIR", str(folder))
    found = []
    for iterations in (1, 1, 2):
        options = poptorch.Options().deviceIterations(iterations)
        if by == "option":
            options.enableExecutableCaching(str(folder))
        trained(poptorch, torch, options, 4)[0].destroy()
        found.append(len(list(folder.iterdir())))
    assert found == [1, 1, 2]


def test_executables_of_an_emulated_ipu_are_not_kept(
    poptorch: Any, torch: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # poptorch 3.4: Options, enableExecutableCaching
    options = poptorch.Options().useIpuModel(True).enableExecutableCaching(str(tmp_path / "cache"))
    trained(poptorch, torch, options, 4)
    assert not (tmp_path / "cache").exists()
    assert "not cached" in caplog.text


# ----------------------------------------------------------------------------------------- loaders
def test_a_loader_combines_what_a_call_takes_and_drops_the_rest(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: DataLoader
    options = poptorch.Options().deviceIterations(3).replicationFactor(2)
    options.Training.gradientAccumulation(2)
    dataset = torch.utils.data.TensorDataset(torch.arange(50))
    loader = poptorch.DataLoader(options, dataset, batch_size=2)
    assert loader.combinedBatchSize == 24
    assert [len(each[0]) for each in loader] == [24, 24]
    with pytest.raises(AssertionError, match="drop_last"):
        poptorch.DataLoader(options, dataset, batch_size=2, drop_last=False)


def test_an_asynchronous_loader_returns_memory_that_it_fills_again(
    poptorch: Any, torch: Any
) -> None:
    # poptorch 3.4: DataLoader, Async
    dataset = torch.utils.data.TensorDataset(torch.arange(40))
    mode = poptorch.DataLoaderMode.Async
    loader = poptorch.DataLoader(poptorch.Options(), dataset, batch_size=4, mode=mode)
    kept, copies = [], []
    for (numbers,) in loader:
        kept.append(numbers)
        copies.append(numbers.clone())
    assert torch.cat(copies).tolist() == list(range(40))
    assert torch.cat(kept).tolist() != list(range(40))
    loader.terminate()
    with pytest.raises(AssertionError, match="terminated"):
        next(iter(loader))


class Counting:
    """A sampler whose n-th epoch is n times ten, plus the place in it."""

    def __init__(self) -> None:
        self.epochs = 0

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[int]:
        self.epochs += 10
        return iter(range(self.epochs, self.epochs + 4))


def test_an_asynchronous_loader_is_an_epoch_ahead(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: DataLoader, Async
    dataset = torch.utils.data.TensorDataset(torch.arange(100))
    mode = poptorch.DataLoaderMode.Async
    loader = poptorch.DataLoader(poptorch.Options(), dataset, sampler=Counting(), mode=mode)
    assert [int(each[0]) for each in loader] == [10, 11, 12, 13]
    unfinished = iter(loader)
    assert [int(next(unfinished)[0]) for _ in range(4)] == [20, 21, 22, 23]
    assert int(next(iter(loader))[0]) == 40  # 30 was loaded, and is given up


def test_what_an_asynchronous_loader_loads_must_travel(poptorch: Any, torch: Any) -> None:
    # poptorch 3.4: DataLoader, Async
    class Local(torch.utils.data.Dataset):  # type: ignore[misc]  # as above
        def __len__(self) -> int:
            return 4

    with pytest.raises(AttributeError, match="pickle"):
        poptorch.DataLoader(poptorch.Options(), Local(), mode=poptorch.DataLoaderMode.Async)


def test_what_the_loading_process_cannot_import_fails_to_start_it(
    poptorch: Any, torch: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # poptorch 3.4: DataLoader, Async: a spawned process has sys.path, and not sys.modules
    module = ModuleType("in_no_folder")
    source = "import torch\nclass Set(torch.utils.data.Dataset):\n    __len__ = lambda self: 4\n"
    exec(compile(source, "in_no_folder.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "in_no_folder", module)
    with pytest.raises(poptorch.Error, match="failed to start"):
        poptorch.DataLoader(poptorch.Options(), module.Set(), mode=poptorch.DataLoaderMode.Async)
    assert "No module named 'in_no_folder'" in capfd.readouterr().err


# ------------------------------------------------------------------------------------------ errors
@pytest.mark.parametrize("action", ["IPU_RESET", "LINK_RESET", "PARTITION_RESET", "FULL_RESET"])
def test_recoverable_errors_name_what_recovers(
    poptorch: Any, torch: Any, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    # poptorch 3.4: exceptions
    monkeypatch.setenv("POPTORCH_STANDIN_FAULT", action.lower() + "@1")
    with pytest.raises(poptorch.RecoverableError) as caught:
        trained(poptorch, torch, None, 4)
    assert isinstance(caught.value, poptorch.Error)
    assert caught.value.recovery_action == action
    assert caught.value.type == "poplar_recoverable_runtime_error"


def test_errors_of_the_cpp_side_share_their_attributes(
    poptorch: Any, torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # poptorch 3.4: exceptions, attributes on the class
    monkeypatch.setenv("POPTORCH_STANDIN_FAULT", "ipu_reset@1")
    with pytest.raises(poptorch.RecoverableError) as first:
        trained(poptorch, torch, None, 4)
    assert not {"type", "message", "location", "recovery_action"} & set(vars(first.value))
    hardware = importlib.import_module("poptorch._hardware")

    hardware._held.clear()
    monkeypatch.setenv("POPTORCH_STANDIN_FAULT", "link_reset@1")
    with pytest.raises(poptorch.RecoverableError):
        trained(poptorch, torch, None, 4)
    assert first.value.recovery_action == "LINK_RESET"


def test_an_unrecoverable_error_is_neither(
    poptorch: Any, torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # poptorch 3.4: exceptions
    monkeypatch.setenv("POPTORCH_STANDIN_FAULT", "unrecoverable@1")
    with pytest.raises(poptorch.UnrecoverableError) as caught:
        trained(poptorch, torch, None, 4)
    assert not isinstance(caught.value, poptorch.RecoverableError)
    assert isinstance(caught.value, poptorch.Error)
