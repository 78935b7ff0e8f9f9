"""Inside the SDK's interpreter: its optimizers beside torch's, from the same start.

Prints for each case the largest difference of a parameter after 30 steps, relative to how far the
parameters went; a text where the case is refused.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from accelbench.workers import cerebras_optimizer
from accelbench.workers.failure import UnsupportedError

STEPS = 30
sgd, adam = torch.optim.SGD, torch.optim.Adam

CASES: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda p: sgd(p, 0.05),
    "SGD momentum": lambda p: sgd(p, 0.02, momentum=0.9, weight_decay=0.01),
    "SGD nesterov": lambda p: sgd(p, 0.02, momentum=0.9, nesterov=True),
    "SGD fused": lambda p: sgd(p, 0.05, fused=True),
    "Adam": lambda p: adam(p, 0.01, betas=(0.8, 0.9)),
    "Adam weight decay": lambda p: adam(p, 0.01, weight_decay=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
    "AdamW small eps": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1, eps=1e-14),
    "Adagrad": lambda p: torch.optim.Adagrad(p, 0.1, initial_accumulator_value=0.1, eps=0.0),
    "Adagrad decay": lambda p: torch.optim.Adagrad(p, 0.1, lr_decay=0.1),
    "Adadelta": lambda p: torch.optim.Adadelta(p, 1.0),
    "RMSprop": lambda p: torch.optim.RMSprop(p, 0.01),
    "RMSprop centred": lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.5, centered=True),
    "groups": lambda p: adam(groups(list(p)), 0.01),
    "SGD dampening": lambda p: sgd(p, 0.05, momentum=0.9, dampening=0.5),
    "RMSprop maximize": lambda p: torch.optim.RMSprop(p, 0.01, maximize=True),
    "SparseAdam": lambda p: torch.optim.SparseAdam(list(p), 0.01),
}


def groups(parameters: list[nn.Parameter]) -> list[dict[str, Any]]:
    """Return two groups that differ in all that a group can."""
    return [
        {"params": parameters[:1], "weight_decay": 0.1, "betas": (0.7, 0.95)},
        {"params": parameters[1:], "lr": 0.002},
    ]


def network() -> nn.Module:
    """Return the same small network every time."""
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))


def trained(model: nn.Module, optimizer: Any) -> torch.Tensor:  # noqa: ANN401  # either kind
    """Train on the same random batches every time; return all parameters."""
    draw = torch.Generator().manual_seed(6)
    for _ in range(STEPS):
        inputs = torch.randn(32, 6, generator=draw)
        targets = torch.randint(0, 3, (32,), generator=draw)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]  # torch annotates it only in part
        optimizer.step()
    return torch.cat([each.detach().flatten() for each in model.parameters()])


def difference(make: Callable[[Any], torch.optim.Optimizer], kinds: Any) -> float | str:  # noqa: ANN401  # a module
    """Return how far the two went apart, relative to how far they went; or why they cannot."""
    start = torch.cat([each.detach().flatten() for each in network().parameters()])
    one, other = network(), network()
    rule = make(other.parameters())
    try:
        translated = cerebras_optimizer.translate(rule, other, kinds)
    except UnsupportedError as error:
        return str(error)
    theirs = cerebras_optimizer.make(type(rule).__name__, translated, other, kinds)
    ours = trained(one, make(one.parameters()))
    apart = (trained(other, theirs) - ours).abs().max() / (ours - start).abs().max()
    return float(apart)


def main() -> None:
    """Compare all cases."""
    sdk = importlib.import_module("cerebras.pytorch")
    sdk.backend("CPU")
    found = {name: difference(make, sdk.optim) for name, make in CASES.items()}
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
