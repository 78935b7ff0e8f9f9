"""A torch step in its modes: one trajectory, and no trace of what is compiled beforehand.

Runs on Python 3.8 and torch 2.0 too; torch is imported inside the tests.
"""

# ruff: noqa: ANN401  # torch is imported late: it has no types here
# ruff: noqa: B905  # zip has no strict before Python 3.10

from __future__ import annotations

import shutil
from typing import Any

import pytest

STEPS, BATCH = 20, 16


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture
def cuda(torch: Any) -> Any:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")
    return torch.device("cuda", 0)


class Trained:
    """A small network with dropout and batch statistics, its optimizer, and its step in a mode."""

    def __init__(self, torch: Any, mode: str, optimizer: Any = None, device: Any = "cpu") -> None:
        from accelbench.workers.torch_steps import step_function

        self.torch, self.device = torch, torch.device(device)
        torch.manual_seed(1)
        self.model = torch.nn.Sequential(
            torch.nn.Linear(20, 32),
            torch.nn.BatchNorm1d(32),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.4),
            torch.nn.Linear(32, 4),
        ).to(self.device)
        self.optimizer = (optimizer or adam(torch))(self.model.parameters())
        loss = torch.nn.functional.cross_entropy
        self.step = step_function(self.model, loss, self.optimizer, mode, self.device)
        draw = torch.Generator().manual_seed(3)
        inputs = torch.randn(STEPS, BATCH, 20, generator=draw).to(self.device)
        targets = torch.randint(0, 4, (STEPS, BATCH), generator=draw).to(self.device)
        self.batches = list(zip(inputs, targets))

    def state(self) -> list[Any]:
        """Return all that must not change while a step is compiled."""
        numbers = [self.torch.get_rng_state()]
        if self.device.type == "cuda":
            numbers.append(self.torch.cuda.get_rng_state(self.device))
        return [value.clone() for value in (*self.model.state_dict().values(), *numbers)]

    def losses(self) -> list[float]:
        """Return the losses of the training, read at its end."""
        return [float(each) for each in [self.step(*batch) for batch in self.batches]]


def adam(torch: Any) -> Any:
    return lambda parameters: torch.optim.Adam(parameters, 0.01)


def assert_compiled_without_trace(trained: Trained) -> None:
    before = trained.state()
    trained.step.compile(*trained.batches[0])
    after = trained.state()
    assert all(trained.torch.equal(a, b) for a, b in zip(before, after))
    assert all(parameter.grad is None for parameter in trained.model.parameters())
    for state in trained.optimizer.state.values():
        assert all(float(value.abs().max()) == 0 for value in state.values())


def test_eager_is_the_step_that_a_user_writes(torch: Any) -> None:
    trained, hand = Trained(torch, "eager"), Trained(torch, "eager")
    trained.torch.manual_seed(5)
    found = trained.losses()
    torch.manual_seed(5)
    expected = []
    for inputs, targets in hand.batches:
        hand.optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(hand.model(inputs), targets)
        loss.backward()
        hand.optimizer.step()
        expected.append(float(loss.detach()))
    assert found == expected
    pairs = zip(trained.model.state_dict().values(), hand.model.state_dict().values())
    assert all(torch.equal(a, b) for a, b in pairs)
    assert_compiled_without_trace(Trained(torch, "eager"))


def test_a_loss_holds_no_graph_of_its_step(torch: Any) -> None:
    trained = Trained(torch, "eager")
    loss = trained.step(*trained.batches[0])
    assert loss.shape == ()
    assert loss.grad_fn is None
    assert not loss.requires_grad


@pytest.mark.filterwarnings("ignore")  # Inductor's own, of any version
def test_a_compiled_step_trains_eagers_trajectory_and_compiling_leaves_no_trace(torch: Any) -> None:
    if shutil.which("c++") is None and shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    expected = Trained(torch, "eager").losses()
    trained = Trained(torch, "compile")
    assert_compiled_without_trace(trained)
    frames = count_compilations(torch)
    found = trained.losses()
    assert count_compilations(torch) == frames
    assert found == pytest.approx(expected, abs=1e-5)
    assert expected[0] != expected[-1]


def count_compilations(torch: Any) -> int:
    counters = torch._dynamo.utils.counters
    return int(counters["stats"]["unique_graphs"])


def test_an_unknown_mode_is_named_beside_those_that_exist(torch: Any) -> None:
    with pytest.raises(RuntimeError, match=r"^unknown mode 'jit': eager, compile or graph$"):
        Trained(torch, "jit")


def test_a_device_without_cuda_graphs_is_named(torch: Any) -> None:
    with pytest.raises(RuntimeError, match=r"^mode graph needs CUDA graphs, which cpu has not"):
        Trained(torch, "graph")


def test_a_platform_without_a_compiler_of_torchs_own_is_named(torch: Any) -> None:
    from accelbench.workers.torch_steps import step_function

    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(RuntimeError, match=r"^mode compile is not built for xla yet"):
        step_function(
            model, torch.nn.functional.mse_loss, optimizer, "compile", torch.device("xla")
        )


# ------------------------------------------------------------------------ optimizers begun anew
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "Adadelta": {},
    "Adam": {"amsgrad": True},
    "Adamax": {},
    "AdamW": {},
    "RAdam": {},
    "RMSprop": {"momentum": 0.9, "centered": True},
    "SGD": {"momentum": 0.9, "nesterov": True},
}


def optimizer_of(torch: Any, name: str, **options: Any) -> Any:
    return lambda parameters: getattr(torch.optim, name)(parameters, lr=0.01, **options)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimizer_whose_state_is_zeroed_begins_anew(torch: Any, name: str) -> None:
    # What a capture does to the optimizer, without its graph: steps, and zeros in their place.
    make = optimizer_of(torch, name, **OPTIMIZERS[name])
    expected = Trained(torch, "eager", make).losses()
    trained = Trained(torch, "eager", make)
    with trained.step._without_trace():
        for batch in trained.batches[:3]:
            trained.step(*batch)
    for state in trained.optimizer.state.values():
        for value in state.values():
            if isinstance(value, torch.Tensor):
                value.zero_()
        if isinstance(state.get("step"), int):
            state["step"] = 0  # as torch 2.0 counts, where a graph cannot hold this optimizer
    assert trained.losses() == pytest.approx(expected, rel=1e-6)


def test_the_optimizers_that_begin_at_zero_are_those_tested(torch: Any) -> None:
    from accelbench.workers import torch_steps

    assert sorted(OPTIMIZERS) == sorted(torch_steps._BEGIN_AT_ZERO)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("SGD", {"momentum": 0.9, "dampening": 0.1}, "SGD with dampening"),
        ("Adagrad", {}, "Adagrad"),
        ("NAdam", {}, "NAdam"),
    ],
)
def test_an_optimizer_that_a_graph_cannot_begin_anew_is_refused(
    torch: Any, name: str, options: dict[str, float], said: str
) -> None:
    from accelbench.workers import torch_steps

    model = torch.nn.Linear(2, 2)
    optimizer = optimizer_of(torch, name, **options)(model.parameters())
    with pytest.raises(RuntimeError, match=f"^mode graph cannot capture {said} in torch "):
        torch_steps._check_restartable(optimizer)


def test_an_optimizer_that_has_stepped_cannot_be_captured(torch: Any) -> None:
    from accelbench.workers import torch_steps

    trained = Trained(torch, "eager", optimizer_of(torch, "SGD", momentum=0.9))
    torch_steps._check_restartable(trained.optimizer)
    trained.step(*trained.batches[0])
    with pytest.raises(RuntimeError, match="cannot capture SGD"):
        torch_steps._check_restartable(trained.optimizer)


# -------------------------------------------------------------------------------------- on a GPU
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_captured_step_trains_eagers_trajectory(torch: Any, cuda: Any, name: str) -> None:
    make = optimizer_of(torch, name, **OPTIMIZERS[name])
    expected = Trained(torch, "eager", make, cuda).losses()
    trained = Trained(torch, "graph", make, cuda)
    assert_compiled_without_trace(trained)
    found = trained.losses()
    assert found == pytest.approx(expected, rel=1e-3)
    assert found[:3] == pytest.approx(expected[:3], rel=1e-5)
    assert expected[0] != expected[-1]


def test_a_fused_optimizer_can_be_captured(torch: Any, cuda: Any) -> None:
    make = optimizer_of(torch, "Adam", fused=True)
    expected = Trained(torch, "eager", make, cuda).losses()
    trained = Trained(torch, "graph", make, cuda)
    assert_compiled_without_trace(trained)
    assert trained.losses() == pytest.approx(expected, rel=1e-3)


def test_the_losses_of_replays_are_each_their_own(torch: Any, cuda: Any) -> None:
    trained = Trained(torch, "graph", device=cuda)
    trained.step.compile(*trained.batches[0])
    losses = [trained.step(*batch) for batch in trained.batches]
    assert len({loss.data_ptr() for loss in losses}) == STEPS
    assert len({float(loss) for loss in losses}) > STEPS // 2


@pytest.mark.filterwarnings("ignore")  # Inductor's own, of any version
def test_a_compiled_step_trains_eagers_trajectory_on_a_gpu(torch: Any, cuda: Any) -> None:
    expected = Trained(torch, "eager", device=cuda).losses()
    trained = Trained(torch, "compile", device=cuda)
    assert_compiled_without_trace(trained)
    assert trained.losses() == pytest.approx(expected, rel=1e-3)
