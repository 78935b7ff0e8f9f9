"""linear_regression: y = Wx + b fitted to four points on a line.

Claim (published report): the sum of squared residuals after 1000 full-batch steps is 5.7e-11 with
gradient descent at 0.01, 0.15 at 0.001, 1.28 at 0.0001; at 0.1 it diverges (712 after the first
step). Solution: W = -1, b = 1. Neither start nor steps are stated; W = 0.3, b = -0.3 and 1000 steps
reproduce every printed digit.

The optimizers have TensorFlow 1's form, which differs from torch.optim's where it matters here:
Adagrad's accumulator starts at 0.1 and has no epsilon; Adam adds epsilon to the uncorrected root.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Iterable, List

import torch
from torch import Tensor, nn

from accelbench.workers.engine import Params
from accelbench.workers.workload import Tensors, Training

FRAMEWORK = "torch"
TRAINED_BY = "torch"
EXACT_DIGITS = 4  # deterministic: the loss is compared to this many digits, one run is enough

PARAMETERS = {
    "optimizer": "gradient_descent",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "beta1": 0.9,
    "beta2": 0.99,
    "epsilon": 1e-8,
    "batch_size": 4,
    "steps": 1000,
}
CHOICES = {"optimizer": ["gradient_descent", "momentum", "adagrad", "adam"]}

TIERS = {
    "smoke": [
        {"dataset": "inline", "epochs": 1, "gates": ["loss", "throughput"]},
        {
            "dataset": "inline",
            "epochs": 1,
            "params": {"optimizer": "adagrad", "learning_rate": 0.1},
            "gates": ["loss"],
        },
        {
            "dataset": "inline",
            "epochs": 1,
            "params": {"learning_rate": 0.1},
            "gates": [],
            "expect": "diverged",
        },
    ],
}


# ------------------------------------------------------------------------------------------ data
def data(params: Params) -> Tensors:
    inputs = torch.tensor([1.0, 2.0, 3.0, 4.0])
    targets = torch.tensor([0.0, -1.0, -2.0, -3.0])
    return Tensors(inputs, targets, inputs, targets)


# ----------------------------------------------------------------------------------------- model
class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.3))
        self.bias = nn.Parameter(torch.tensor(-0.3))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x + self.bias


def sum_of_squares(outputs: Tensor, targets: Tensor) -> Tensor:
    # Summed in double and rounded once: summed in float32, the sixth digit of the row that diverges
    # (712.098) depends on the order of the sum. The gradient, twice the residual, is the same.
    return (outputs - targets).double().square().sum().float()


# ------------------------------------------------------------------------------------- optimizer
State = Dict[str, Tensor]
Rule = Callable[[Tensor, State, int], Tensor]


class FirstOrder(torch.optim.Optimizer):
    """Applies p <- p - rule(gradient, state, step) to every parameter."""

    def __init__(self, parameters: Iterable[nn.Parameter], rule: Rule) -> None:
        super().__init__(parameters, {})
        self._rule = rule
        self._steps = 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        self._steps += 1
        for group in self.param_groups:
            for parameter in group["params"]:
                change = self._rule(parameter.grad, self.state[parameter], self._steps)
                parameter.sub_(change)


def rule(params: Params) -> Rule:
    rate = params.number("learning_rate")
    mu, b1, b2 = params.number("momentum"), params.number("beta1"), params.number("beta2")
    epsilon = params.number("epsilon")

    def gradient_descent(g: Tensor, state: State, t: int) -> Tensor:
        return torch.mul(g, rate)

    def momentum(g: Tensor, state: State, t: int) -> Tensor:
        state["m"] = mu * state.get("m", torch.zeros_like(g)) + g
        return rate * state["m"]

    def adagrad(g: Tensor, state: State, t: int) -> Tensor:
        state["a"] = state.get("a", torch.full_like(g, 0.1)) + g * g
        return torch.mul(g, rate) / state["a"].sqrt()

    def adam(g: Tensor, state: State, t: int) -> Tensor:
        zero = torch.zeros_like(g)
        state["m"] = b1 * state.get("m", zero) + (1 - b1) * g
        state["v"] = b2 * state.get("v", zero) + (1 - b2) * g * g
        corrected = rate * math.sqrt(1 - b2**t) / (1 - b1**t)
        return corrected * state["m"] / (state["v"].sqrt() + epsilon)

    rules: List[Rule] = [gradient_descent, momentum, adagrad, adam]
    return {each.__name__: each for each in rules}[params.text("optimizer")]


# -------------------------------------------------------------------------------------- training
def build(params: Params) -> Training:
    return Training(
        model=Line(),
        loss=sum_of_squares,
        optimizer=lambda parameters: FirstOrder(parameters, rule(params)),
        classifies=False,
        shuffles=False,
        steps_per_epoch=params.count("steps"),
    )
