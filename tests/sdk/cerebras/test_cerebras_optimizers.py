"""A workload's torch optimizer becomes the SDK's, which takes the same steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

EXACT = (
    "SGD",
    "SGD momentum",
    "SGD nesterov",
    "SGD fused",
    "AdamW small eps",
    "Adagrad",
    "Adagrad decay",
    "Adadelta",
    "RMSprop",
    "RMSprop centred",
)
ADAM = ("Adam", "Adam weight decay", "AdamW", "groups")
REFUSED = {
    "SGD dampening": "SGD dampens the first step too",
    "RMSprop maximize": "RMSprop has no option maximize, which is True here",
    "SparseAdam": "has no optimizer SparseAdam: of torch.optim's it has ASGD, Adadelta, ",
}


@pytest.fixture(scope="module")
def differences(inside: Callable[..., Any]) -> dict[str, Any]:
    """The largest difference to torch's own, relative to how far the parameters went."""
    found: dict[str, Any] = inside("optimizers")
    return found


@pytest.mark.parametrize("name", EXACT)
def test_the_sdks_optimizer_takes_torchs_steps(differences: dict[str, Any], name: str) -> None:
    assert differences[name] < 2e-5


@pytest.mark.parametrize("name", ADAM)
def test_adam_differs_by_where_epsilon_is_added_only(
    differences: dict[str, Any], name: str
) -> None:
    # The SDK adds epsilon before the bias correction, torch after it: felt in the first steps,
    # where gradients are not far above it.
    assert 1e-7 < differences[name] < 1e-3


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_sdk_cannot_do_is_refused_in_one_line(
    differences: dict[str, Any], name: str
) -> None:
    assert REFUSED[name] in differences[name]
    assert "\n" not in differences[name]


def test_every_case_is_looked_at(differences: dict[str, Any]) -> None:
    assert set(differences) == {*EXACT, *ADAM, *REFUSED}
