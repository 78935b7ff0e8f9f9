"""Makes the Cerebras SDK's optimizer of a torch one: same rule, same numbers for each group."""

from __future__ import annotations

import inspect
from typing import Any, Dict, List, Set

import torch
from torch import nn

from accelbench.workers.failure import UnsupportedError

# How a step is carried out, or recorded: no part of the rule.
_NO_RULE = frozenset({"params", "foreach", "fused", "capturable", "differentiable"})

# The SDK's Adam takes L2 regularisation by a name of its own, and ignores a group's weight_decay.
_NAMES = {"Adam": {"weight_decay": "l2_regularization_rate"}}


def translate(
    optimizer: torch.optim.Optimizer,
    model: nn.Module,
    kinds: Any,  # noqa: ANN401  # cerebras.pytorch.optim, a module of the device's interpreter
) -> List[Dict[str, Any]]:
    """Return the parameter groups for the SDK's optimizer of the same name, by parameter numbers.

    "params" of each group holds the numbers of `model.parameters()`, for those are other tensors
    once the model is on its device. UnsupportedError says what the SDK does not have.
    """
    name = type(optimizer).__name__
    kind = getattr(kinds, name, None)
    if kind is None or type(optimizer).__module__.partition(".")[0] != "torch":
        raise UnsupportedError(
            f"the Cerebras SDK has no optimizer {name}: of torch.optim's it has {_known(kinds)}"
        )
    taken = set(inspect.signature(kind.__init__).parameters)
    numbers = {id(parameter): number for number, parameter in enumerate(model.parameters())}
    return [_group(name, group, taken, numbers) for group in optimizer.param_groups]


def _known(kinds: Any) -> str:  # noqa: ANN401  # as above
    """Return the names of the optimizers that both torch and the SDK have."""
    names = [name for name, kind in vars(kinds).items() if isinstance(kind, type)]
    return ", ".join(sorted({*names, "Optimizer"} & set(vars(torch.optim)) - {"Optimizer"}))


def make(
    name: str,
    groups: List[Dict[str, Any]],
    model: nn.Module,
    kinds: Any,  # noqa: ANN401  # as in translate
) -> Any:  # noqa: ANN401  # an optimizer of the SDK
    """Return the SDK's optimizer for a model that is on its device, with translated groups."""
    parameters = list(model.parameters())
    placed = [{**group, "params": [parameters[n] for n in group["params"]]} for group in groups]
    return getattr(kinds, name)(placed, lr=groups[0]["lr"])


def _group(
    name: str, group: Dict[str, Any], taken: Set[str], numbers: Dict[int, int]
) -> Dict[str, Any]:
    found: Dict[str, Any] = {"params": [numbers[id(each)] for each in group["params"]]}
    for option, value in group.items():
        if option in _NO_RULE:
            continue
        plain = value.item() if isinstance(value, torch.Tensor) else value
        if option in taken:
            found[_NAMES.get(name, {}).get(option, option)] = plain
        elif plain:
            raise UnsupportedError(
                f"the Cerebras SDK's {name} has no option {option}, which is {plain!r} here"
            )
    if name == "SGD" and found.get("momentum") and found.get("dampening"):
        raise UnsupportedError(
            "the Cerebras SDK's SGD dampens the first step too, which torch's does not: "
            "train without dampening"
        )
    return found
