"""row_transformer: a small transformer that reads an image as a sequence of its rows.

Claim: none; no report has it. It is the suite's smallest model with attention and layer norms: on a
device that compiles for a fixed graph, those take other kernels and other paths than convolutions.

Each row of pixels is a token: a linear embedding, learned positions, blocks that normalise before
attention and before the perceptron, the mean over the tokens, a linear head. The attention is
written out, in static shapes: fused forms of it are not on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from accelbench.workers.engine import Params
from accelbench.workers.workload import Training, fused

FRAMEWORK = "torch"
TRAINED_BY = "torch"
INPUT = [28, 28]
NORMALISE = (0.1307, 0.3081)

PARAMETERS = {
    "learning_rate": 1e-3,
    "width": 64,
    "heads": 4,
    "blocks": 2,
    "batch_size": 16,
    "train_samples": 0,
    "target_accuracy": 0.9,
}

TIERS = {
    "smoke": [
        {
            "dataset": "digits",
            "epochs": 10,
            "gates": ["accuracy", "loss", "throughput"],
            "smallest_effects": {"accuracy": 0.08, "loss": 1.2},
        },
    ],
    "nightly": [
        {
            "dataset": "mnist",
            "epochs": 1,
            "params": {"target_accuracy": 0.95},
            "gates": ["accuracy", "loss", "throughput"],
        },
    ],
    "paper": [
        {
            "dataset": "mnist",
            "epochs": 10,
            "params": {"target_accuracy": 0.98},
            "gates": ["accuracy", "loss", "throughput"],
        },
    ],
}

ROWS, COLUMNS = INPUT
CLASSES = 10
WIDENING = 4
"""How many times wider than a token the perceptron's inside is."""


# ----------------------------------------------------------------------------------------- model
class Attention(nn.Module):
    """Every token takes from all tokens, by the softmax of q k / sqrt(d), in each of the heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        query = self._parted(self.query(tokens))
        key = self._parted(self.key(tokens))
        value = self._parted(self.value(tokens))
        taken = torch.softmax(self.scale * query @ key.transpose(-2, -1), -1) @ value
        joined: Tensor = self.out(taken.transpose(1, 2).flatten(2))
        return joined

    def _parted(self, tokens: Tensor) -> Tensor:
        """Return (samples, tokens, width) as (samples, heads, tokens, width of a head)."""
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class Block(nn.Module):
    """Attention, then a perceptron for each token, each added to what is normalised for it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.before_perceptron = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, WIDENING * width), nn.GELU(), nn.Linear(WIDENING * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.before_attention(tokens))
        changed: Tensor = tokens + self.perceptron(self.before_perceptron(tokens))
        return changed


class RowTransformer(nn.Module):
    """From images (samples, 1, rows, columns) to logits (samples, classes)."""

    def __init__(self, width: int, heads: int, blocks: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(COLUMNS, width)
        self.positions = nn.Parameter(0.02 * torch.randn(ROWS, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.normalisation = nn.LayerNorm(width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.embedding(images.flatten(1, 2)) + self.positions
        logits: Tensor = self.head(self.normalisation(self.blocks(tokens)).mean(1))
        return logits


# -------------------------------------------------------------------------------------- training
def build(params: Params) -> Training:
    width, heads = params.count("width"), params.count("heads")
    if width % heads:
        raise ValueError(f"width {width} is no multiple of heads {heads}")
    return Training(
        model=RowTransformer(width, heads, params.count("blocks")),
        loss=functional.cross_entropy,
        optimizer=lambda parameters: fused(
            torch.optim.AdamW, parameters, lr=params.number("learning_rate")
        ),
    )


def flops_per_sample(params: Params) -> float:
    from accelbench.workers.flops import dense

    width = params.count("width")
    projections = 4 * dense(width, width)
    products = 2 * dense(ROWS, width)  # a token's scores with all tokens, and what it takes of them
    perceptron = dense(width, WIDENING * width) + dense(WIDENING * width, width)
    block = projections + products + perceptron
    tokens = dense(COLUMNS, width, first=True) + params.count("blocks") * block
    return ROWS * tokens + dense(width, CLASSES)
