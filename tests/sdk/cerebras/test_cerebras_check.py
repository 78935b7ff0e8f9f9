"""What a CSX would run is lowered without one; what it would reject is told in both words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sdk.cerebras.conftest import Suite


@pytest.mark.parametrize("workload", ["graphcore_mnist", "mnist_softmax", "row_transformer"])
def test_training_and_evaluation_of_a_workload_are_lowered(suite: Suite, workload: str) -> None:
    trained = suite.train(workload, "cerebras-check", "kept")
    run = trained.run
    assert run["state"] == "completed", trained.said
    assert run["spec"]["series"] == "mixed-eager"
    assert run["provenance"]["treatment"]["half_dtype"] == "float16"
    assert run["epochs"] == []
    assert run["evaluation"] is None
    # The folder is removed when a check ends, unless its user keeps it: here for this look at it.
    lowered = sorted(trained.artifacts.glob("run-*/executors/0*/cirh.mlir"))
    assert len(lowered) == 2, "one for the training step, one for the evaluation"
    texts = [file.read_text(encoding="utf-8") for file in lowered]
    assert len(texts[0]) > len(texts[1]) > 0


WORKLOAD = '''
"""A step that a CSX cannot run."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from accelbench.workers.workload import Training

FRAMEWORK = "torch"
TRAINED_BY = "torch"
INPUT = [28, 28]
NORMALISE = (0.5, 0.5)
PARAMETERS = {"batch_size": 16, "train_samples": 0}
TIERS = {"smoke": [{"dataset": "digits", "epochs": 1, "gates": ["loss"]}]}


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 10)

    def forward(self, x):
        y = self.layer(x.flatten(1))
        FORBIDDEN
        return y


def build(params):
    return Training(
        Network(), functional.cross_entropy, lambda p: torch.optim.SGD(p, 0.1)
    )
'''

FORBIDDEN = {
    "item": ("y = y / y.sum().item()", "aten::_local_scalar_dense", "no Python number can be"),
    "choice": ("y = y if y.sum() > 1 else -y", "aten::_local_scalar_dense", "use torch.where"),
    "mask": ("y = y + y[y > 0].sum()", "aten::nonzero", "all shapes must be known"),
    "constant": ("y = y + torch.ones(10)", "incompatible devices", "register_buffer in the model"),
    "numpy": ("y = y + y.detach().numpy().sum()", "lazy:0", "no numpy in a step"),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_a_csx_would_reject_fails_in_the_sdks_words_and_names_our_line(
    suite: Suite, name: str
) -> None:
    statement, theirs, advice = FORBIDDEN[name]
    path = suite.workload(f"forbidden_{name}", WORKLOAD.replace("FORBIDDEN", statement))
    line = path.read_text(encoding="utf-8").splitlines().index("        " + statement) + 1
    before = {file.name for file in suite.folder.iterdir()}
    trained = suite.train(f"forbidden_{name}", "cerebras-check")
    # The SDK writes the graph that it rejects to the current folder, which is not the user's.
    new = {file.name for file in suite.folder.iterdir()} - before - {"cache", "locks"}
    assert [name for name in new if not name.endswith(".json")] == []
    assert trained.run["state"] == "crashed(compile)"
    first = trained.run["message"].splitlines()[0]
    assert first.startswith("RejectedError: the CSX cannot run this training step: ")
    assert theirs in first
    assert f"bench/workloads/forbidden_{name}.py:{line} in forward: {statement}; " in first
    assert advice in first
    assert [path for path in suite.scratch.iterdir() if "cerebras" in path.name] == []
