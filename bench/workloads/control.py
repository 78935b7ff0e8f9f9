"""control: a short, fixed, device-bound training on random data that is resident on the device.

No claim and nothing of the suite's data or models: run around each device's cells, it estimates
what the machine itself does that night. Never used to judge itself.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from accelbench.workers.engine import Params
from accelbench.workers.workload import Tensors, Training

FRAMEWORK = "torch"
TRAINED_BY = "torch"

PARAMETERS = {"width": 512, "samples": 4096, "batch_size": 256, "steps": 300}

TIERS = {
    "smoke": [{"dataset": "inline", "epochs": 1, "gates": []}],
    "nightly": [{"dataset": "inline", "epochs": 1, "gates": []}],
    "paper": [{"dataset": "inline", "epochs": 1, "gates": []}],
}


# ------------------------------------------------------------------------------------------ data
def data(params: Params) -> Tensors:
    generator = torch.Generator().manual_seed(0)  # the same work every night
    samples, width = params.count("samples"), params.count("width")
    inputs = torch.randn(samples, width, generator=generator)
    targets = torch.randint(10, (samples,), generator=generator)
    return Tensors(inputs, targets, inputs[:256], targets[:256])


# -------------------------------------------------------------------------------------- training
def build(params: Params) -> Training:
    width = params.count("width")
    return Training(
        model=nn.Sequential(
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 10),
        ),
        loss=functional.cross_entropy,
        optimizer=lambda parameters: torch.optim.SGD(parameters, 0.01),
        steps_per_epoch=params.count("steps"),
    )


def flops_per_sample(params: Params) -> float:
    from accelbench.workers.flops import dense

    width = params.count("width")
    return dense(width, width, first=True) + dense(width, width) + dense(width, 10)
