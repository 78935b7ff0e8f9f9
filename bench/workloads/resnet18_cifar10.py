"""resnet18_cifar10: the CIFAR form of ResNet-18; SGD, momentum 0.9; 11,173,962 parameters.

Claim (published report, five epochs of CIFAR-10 at batch 128, learning rate 0.1, weight decay 5e-4;
loss and accuracy on the training batches, averaged over the five epochs): SGD 1.386 and 49.8 %,
with Nesterov's momentum 1.408 and 48.7 %, Adagrad 1.068 and 61.5 %, Adadelta 1.006 and 63.7 %, Adam
0.880 and 68.4 %; 36 to 41 s an epoch on its GPU, 10,000 s on its CPU. Without batch norm the last
of the five epochs reaches 73.9 %.

The report does not state the learning rates of the adaptive optimizers: the cells below set those
that torch.optim has as defaults. Its data set is CIFAR-10; `cifar10-jpeg` is a re-encoding.
"""

from __future__ import annotations

from typing import Iterable, List

import torch
from torch import Tensor, nn
from torch.nn import functional

from accelbench.workers.augment import crop_and_flip
from accelbench.workers.engine import Params
from accelbench.workers.workload import Training, fused

FRAMEWORK = "torch"
TRAINED_BY = "torch"
INPUT = [32, 32]
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
NORMALISE = (MEAN, DEVIATION)

PARAMETERS = {
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "batch_norm": True,
    "augment": True,
    "precision": "float32",  # of what autocast may lower; the parameters stay float32
    "channels_last": True,
    "batch_size": 128,
    "steps_per_epoch": 0,  # 0: one pass over the training set
    "train_samples": 0,
    "target_accuracy": 0.6,
}
CHOICES = {
    "optimizer": ["sgd", "nesterov", "adagrad", "adadelta", "adam"],
    "precision": ["float32", "bfloat16"],
}

TIERS = {
    # Forty steps of 8 digits, which must not be flipped: they reach a loss of 0.5 to 0.9 (0.01 and
    # 16 a step scatter from 1.4 to 5.6), and are too few for a steady state, so for throughput.
    "smoke": [
        {
            "dataset": "digits",
            "epochs": 1,
            "params": {
                "augment": False,
                "batch_size": 8,
                "learning_rate": 0.003,
                "steps_per_epoch": 40,
            },
            "gates": ["loss"],
            "smallest_effects": {"loss": 1.0},
        },
    ],
    "nightly": [
        {
            "dataset": "cifar10-jpeg",
            "epochs": 1,
            "gates": ["accuracy", "loss", "throughput"],
        },
        {
            "dataset": "cifar10-jpeg",
            "epochs": 1,
            "params": {"precision": "bfloat16"},
            "gates": ["accuracy", "loss", "throughput"],
        },
    ],
    "paper": [
        {
            "dataset": "cifar10-jpeg",
            "epochs": 5,
            "gates": ["accuracy", "loss", "throughput"],
        },
        {
            "dataset": "cifar10-jpeg",
            "epochs": 5,
            "params": {"optimizer": "nesterov"},
            "gates": ["accuracy", "loss", "throughput"],
        },
        {
            "dataset": "cifar10-jpeg",
            "epochs": 5,
            "params": {"optimizer": "adagrad", "learning_rate": 0.01},
            "gates": ["accuracy", "loss", "throughput"],
        },
        {
            "dataset": "cifar10-jpeg",
            "epochs": 5,
            "params": {"optimizer": "adadelta", "learning_rate": 1.0},
            "gates": ["accuracy", "loss", "throughput"],
        },
        {
            "dataset": "cifar10-jpeg",
            "epochs": 5,
            "params": {"optimizer": "adam", "learning_rate": 1e-3},
            "gates": ["accuracy", "loss", "throughput"],
        },
        {
            "dataset": "cifar10-jpeg",
            "epochs": 5,
            "params": {"batch_norm": False},
            "gates": ["accuracy", "loss", "throughput"],
        },
    ],
}


# ----------------------------------------------------------------------------------------- model
STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # channels and stride of two blocks each


def norm(channels: int, batch_norm: bool) -> nn.Module:  # noqa: FBT001  # named when called
    return nn.BatchNorm2d(channels) if batch_norm else nn.Identity()


class BasicBlock(nn.Module):
    def __init__(self, entering: int, channels: int, stride: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(entering, channels, 3, stride, padding=1, bias=False)
        self.norm1 = norm(channels, batch_norm=batch_norm)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = norm(channels, batch_norm=batch_norm)
        self.shortcut = nn.Sequential()
        if (entering, stride) != (channels, 1):
            project = nn.Conv2d(entering, channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(project, norm(channels, batch_norm=batch_norm))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(inner + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, *, batch_norm: bool, precision: str) -> None:
        super().__init__()
        self.autocast = precision == "bfloat16"
        self.stem = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.norm = norm(64, batch_norm=batch_norm)
        blocks: List[nn.Module] = []
        entering = 64
        for channels, stride in STAGES:
            blocks.append(BasicBlock(entering, channels, stride, batch_norm=batch_norm))
            blocks.append(BasicBlock(channels, channels, 1, batch_norm=batch_norm))
            entering = channels
        self.blocks = nn.Sequential(*blocks)
        self.classify = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        if not self.autocast:
            return self.outputs(x)
        with torch.autocast(x.device.type, torch.bfloat16):
            return self.outputs(x).float()

    def outputs(self, x: Tensor) -> Tensor:
        x = self.blocks(functional.relu(self.norm(self.stem(x))))
        classes: Tensor = self.classify(x.mean((2, 3)))
        return classes


# ------------------------------------------------------------------------------------- optimizer
def optimizer(params: Params, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    name = params.text("optimizer")
    common = {"lr": params.number("learning_rate"), "weight_decay": params.number("weight_decay")}
    if name in {"sgd", "nesterov"}:
        momentum, nesterov = params.number("momentum"), name == "nesterov"
        return fused(torch.optim.SGD, parameters, momentum=momentum, nesterov=nesterov, **common)
    kinds = {
        "adagrad": torch.optim.Adagrad,
        "adadelta": torch.optim.Adadelta,
        "adam": torch.optim.Adam,
    }
    return fused(kinds[name], parameters, **common)


# -------------------------------------------------------------------------------------- training
def build(params: Params) -> Training:
    black = [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION)]
    last = bool(params.get("channels_last"))
    return Training(
        model=ResNet(batch_norm=bool(params.get("batch_norm")), precision=params.text("precision")),
        loss=functional.cross_entropy,
        optimizer=lambda parameters: optimizer(params, parameters),
        memory_format=torch.channels_last if last else torch.contiguous_format,
        steps_per_epoch=params.count("steps_per_epoch") or None,
        augment=crop_and_flip(4, black) if params.get("augment") else None,
    )


def flops_per_sample(params: Params) -> float:
    from accelbench.workers.flops import conv, dense

    total, entering, side = conv(3, 64, 3, 32 * 32, first=True), 64, 32
    for channels, stride in STAGES:
        side //= stride
        pixels = side * side
        total += conv(entering, channels, 3, pixels) + 3 * conv(channels, channels, 3, pixels)
        if stride > 1:
            total += conv(entering, channels, 1, pixels)
        entering = channels
    return total + dense(512, 10)
