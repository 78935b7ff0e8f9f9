"""Random crop and horizontal flip of a whole batch at once, by one gather on its device."""

from __future__ import annotations

from typing import Sequence

import torch
from torch import Tensor

from accelbench.workers.workload import Augmentation


def crop_and_flip(padding: int, fill: Sequence[float]) -> Augmentation:
    """Return the usual augmentation of small images: pad, crop at random, flip half of them.

    Images are (n, channels, h, w) and keep their size. `fill` is the padding's value a channel:
    after normalisation black is -mean / deviation.
    """

    def apply(images: Tensor, draws: Tensor) -> Tensor:
        count, channels, height, width = images.shape
        padded = _padded(images, padding, fill)
        offsets = (draws[:, :2] * (2 * padding + 1)).long()
        rows = offsets[:, :1] + torch.arange(height, device=images.device)
        columns = torch.arange(width, device=images.device).expand(count, width)
        columns = torch.where(draws[:, 2:] < 0.5, width - 1 - columns, columns) + offsets[:, 1:]
        place = rows[:, :, None] * padded.shape[3] + columns[:, None, :]
        place = place.view(count, 1, -1).expand(count, channels, -1)
        return padded.view(count, channels, -1).gather(2, place).view(images.shape)

    return Augmentation(draws=3, apply=apply)


def _padded(images: Tensor, padding: int, fill: Sequence[float]) -> Tensor:
    count, channels, height, width = images.shape
    border = torch.tensor(fill, dtype=images.dtype, device=images.device).view(1, channels, 1, 1)
    size = (count, channels, height + 2 * padding, width + 2 * padding)
    padded = border.expand(size).contiguous()
    padded[:, :, padding : padding + height, padding : padding + width] = images
    return padded
