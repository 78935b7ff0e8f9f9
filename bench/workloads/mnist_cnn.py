"""mnist_cnn: two 5x5 convolutions, dense 1024, dropout 0.5; Adam; 3,274,634 parameters.

Claim (published report, test accuracy on MNIST, first 50,000 images): 96 % after one epoch at
learning rate 1e-4 and batch 50; a sweep of learning rate and batch reaches 98.7 % in one epoch
and 99.3 % in forty.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from accelbench.workers.engine import Params
from accelbench.workers.workload import Training, fused

FRAMEWORK = "torch"
TRAINED_BY = "torch"
INPUT = [28, 28]
NORMALISE = (0.0, 1.0)  # pixels in [0, 1], no normalisation

PARAMETERS = {
    "learning_rate": 1e-3,
    "dropout": 0.5,
    "batch_size": 50,
    "train_samples": 0,
    "target_accuracy": 0.9,
}

TIERS = {
    # 84 steps of 50: too few for a steady state, so throughput is shown and not gated.
    "smoke": [
        {
            "dataset": "digits",
            "epochs": 3,
            "gates": ["accuracy", "loss"],
            "smallest_effects": {"accuracy": 0.08, "loss": 1.2},
        },
    ],
    "nightly": [
        {
            "dataset": "mnist",
            "epochs": 1,
            "params": {"train_samples": 50000, "target_accuracy": 0.97},
            "gates": ["accuracy", "loss", "throughput"],
        },
    ],
    "paper": [
        {
            "dataset": "mnist",
            "epochs": 1,
            "params": {"train_samples": 50000, "learning_rate": 1e-4},
            "gates": ["accuracy", "loss", "throughput"],
        },
    ],
}


# ----------------------------------------------------------------------------------------- model
def network(dropout: float) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3136, 1024),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(1024, 10),
    )


# -------------------------------------------------------------------------------------- training
def build(params: Params) -> Training:
    return Training(
        model=network(params.number("dropout")),
        loss=functional.cross_entropy,
        optimizer=lambda parameters: fused(
            torch.optim.Adam, parameters, lr=params.number("learning_rate")
        ),
        memory_format=torch.channels_last,
    )


def flops_per_sample(params: Params) -> float:
    from accelbench.workers.flops import conv, dense

    convolutions = conv(1, 32, 5, 28 * 28, first=True) + conv(32, 64, 5, 14 * 14)
    return convolutions + dense(3136, 1024) + dense(1024, 10)
