"""One training step in torch, in three modes that are series of their own: eager, compile, graph.

All train the same trajectory to rounding: what compiling or capturing runs beforehand leaves no
trace in weights, buffers, optimizer or random numbers.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Optional, Type

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]

WARM_UP_STEPS = 3
"""Steps before a capture: libraries choose their kernels and make their workspaces in them."""

# Optimizers whose state is all zeros before their first step: it can be begun anew in place. SGD's
# momentum is too where nothing dampens it, for its first value is the gradient itself.
_BEGIN_AT_ZERO = ("Adadelta", "Adam", "Adamax", "AdamW", "RAdam", "RMSprop", "SGD")


# Where torch.compile's own backend makes code; other platforms bring a backend by another name.
_INDUCTOR = ("cpu", "cuda", "mps", "xpu")


class EagerStep:
    """The step as a user writes it, each operation queued by itself."""

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
    ) -> None:
        self._model = model
        self._loss = loss
        self._optimizer = optimizer
        self._device = device
        self._prepare()

    def _prepare(self) -> None:
        """Make ready for the mode; RuntimeError where it cannot be on this device."""

    def compile(self, inputs: Tensor, targets: Tensor) -> None:
        """Do nothing: there is nothing to compile."""

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Train on a batch; return its loss, still on the device."""
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._loss(self._model(inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]  # torch annotates it only in part
        self._optimizer.step()
        return loss.detach()

    @contextmanager
    def _without_trace(self) -> Iterator[None]:
        """Put weights, buffers, gradients and random numbers back at the end."""
        tensors = [*self._model.parameters(), *self._model.buffers()]
        kept = [each.detach().clone() for each in tensors]
        with _random_numbers(self._device):
            yield
        self._optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for tensor, value in zip(tensors, kept):
                tensor.copy_(value)


class CompiledStep(EagerStep):
    """Forward, loss and backward compiled by torch.compile; the optimizer is as in eager mode."""

    def _prepare(self) -> None:
        if self._device.type not in _INDUCTOR:
            raise RuntimeError(f"mode compile is not built for {self._device.type} yet: use eager")
        model, loss = self._model, self._loss
        # Eager's random numbers: Inductor's own would make dropout another training.
        self._forward = torch.compile(
            lambda inputs, targets: loss(model(inputs), targets),
            dynamic=False,
            options={"fallback_random": True},
        )

    def compile(self, inputs: Tensor, targets: Tensor) -> None:
        """Compile for batches like this one."""
        with self._without_trace():
            loss: Tensor = self._forward(inputs, targets)
            loss.backward()  # type: ignore[no-untyped-call]  # torch annotates it only in part

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Train on a batch; return its loss, still on the device."""
        self._optimizer.zero_grad(set_to_none=True)
        loss: Tensor = self._forward(inputs, targets)
        loss.backward()  # type: ignore[no-untyped-call]  # torch annotates it only in part
        self._optimizer.step()
        return loss.detach()


class GraphStep(EagerStep):
    """The whole step, optimizer included, captured as one CUDA graph and replayed."""

    def _prepare(self) -> None:
        device, optimizer = self._device, self._optimizer
        if device.type != "cuda":
            raise RuntimeError(
                f"mode graph needs CUDA graphs, which {device.type} has not: use eager or compile"
            )
        if isinstance(self._model, nn.parallel.DistributedDataParallel):
            raise RuntimeError("mode graph captures one device's step: use eager or compile")
        _check_restartable(optimizer)
        for group in optimizer.param_groups:
            if "capturable" in group:
                group["capturable"] = True  # its step count then lies on the device
        self._graph: Optional[torch.cuda.CUDAGraph] = None
        self._batch: List[Tensor] = []
        self._captured_loss = torch.empty(0)

    def compile(self, inputs: Tensor, targets: Tensor) -> None:
        """Capture the step for batches like this one, after some steps on a side stream."""
        self._batch = [inputs.clone(), targets.clone()]
        with self._without_trace():
            self._warm_up()
            # Gradients must be made inside the graph, in its own memory.
            self._optimizer.zero_grad(set_to_none=True)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._captured_loss = super().__call__(*self._batch)
        for state in self._optimizer.state.values():
            for value in state.values():
                if isinstance(value, Tensor):
                    value.zero_()

    def _warm_up(self) -> None:
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]  # torch's own
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side), warnings.catch_warnings():
            # A step of a capturable optimizer that is not captured: these are meant to be none.
            warnings.filterwarnings("ignore", "This instance was constructed with capturable")
            for _ in range(WARM_UP_STEPS):
                super().__call__(*self._batch)
        torch.cuda.current_stream(self._device).wait_stream(side)

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Train on a batch; return its loss, still on the device."""
        if self._graph is None:
            raise RuntimeError("a graph is captured by compile() before the first step")
        self._batch[0].copy_(inputs)
        self._batch[1].copy_(targets)
        self._graph.replay()
        return self._captured_loss.clone()


MODES: Dict[str, Type[EagerStep]] = {
    "eager": EagerStep,
    "compile": CompiledStep,
    "graph": GraphStep,
}


def step_function(
    model: nn.Module,
    loss: Loss,
    optimizer: torch.optim.Optimizer,
    mode: str,
    device: torch.device,
) -> EagerStep:
    """Return the step of a mode; its `compile(inputs, targets)` comes before its first call.

    RuntimeError, in one line, where the device or the optimizer cannot be trained in this mode.
    """
    if mode not in MODES:
        raise RuntimeError(f"unknown mode {mode!r}: eager, compile or graph")
    return MODES[mode](model, loss, optimizer, device)


def _check_restartable(optimizer: torch.optim.Optimizer) -> None:
    """Refuse an optimizer that a graph cannot hold or that cannot be begun anew."""
    name = type(optimizer).__name__
    for group in optimizer.param_groups:
        dampened = name == "SGD" and group["momentum"] and group["dampening"]
        captured = name == "SGD" or "capturable" in group
        if name not in _BEGIN_AT_ZERO or dampened or not captured or optimizer.state:
            what = f"{name} with dampening" if dampened else name
            raise RuntimeError(
                f"mode graph cannot capture {what} in torch {torch.__version__}: use eager or "
                "compile"
            )


@contextmanager
def _random_numbers(device: torch.device) -> Iterator[None]:
    """Put the random numbers of the host and of the device back at the end."""
    if device.type == "cpu":
        with torch.random.fork_rng(devices=[]):
            yield
    elif device.type == "cuda":
        with torch.random.fork_rng(devices=[device]):
            yield
    else:
        with torch.random.fork_rng(devices=[device.index or 0], device_type=device.type):
            yield
