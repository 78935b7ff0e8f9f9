"""data_loading: passes over a loader, with nothing trained.

`path="batched"` is the suite's own: the set normalised once, batches by an index. `"per_sample"` is
the usual DataLoader: one PIL image, ToTensor and Normalize a sample, `workers` processes.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from accelbench.records import Evaluation, Pairs
from accelbench.workers import host
from accelbench.workers.arrays import Arrays
from accelbench.workers.engine import Params
from accelbench.workers.ways.torch import Batches, Feed, resident

FRAMEWORK = "torch"
TRAINED_BY = "own"
INPUT = [28, 28]
MEAN, DEVIATION = 0.1307, 0.3081

PARAMETERS = {"path": "batched", "workers": 0, "batch_size": 64, "train_samples": 0}
CHOICES = {"path": ["batched", "per_sample"]}
TIERS: Dict[str, Any] = {}  # see bench/test_data_loading.py


# ------------------------------------------------------------------------------------ per sample
class PerSample(Dataset):  # type: ignore[type-arg]  # not subscriptable in torch 2.0
    """Digits as PIL images, transformed one by one, as torchvision's own data sets do it."""

    def __init__(self, arrays: Arrays) -> None:
        from torchvision import transforms

        self._images, self._labels = arrays.train_images, arrays.train_labels
        self._transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((MEAN,), (DEVIATION,))]
        )

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Tuple[Tensor, int]:
        from PIL import Image

        image = Image.fromarray(self._images[index])
        return self._transform(image), int(self._labels[index])


# ---------------------------------------------------------------------------------------- engine
class Passes:
    """An engine whose every epoch is one pass over the loader and whose updates do nothing."""

    parameters = 0

    def __init__(self, arrays: Arrays, params: Params, seed: int) -> None:
        torch.set_num_threads(host.usable_cores())
        self.batch_size = params.count("batch_size")
        self.steps_per_epoch = len(arrays.train_labels) // self.batch_size
        if params.text("path") == "batched":
            tensors = resident(arrays, MEAN, DEVIATION)
            feed = Feed(tensors, torch.device("cpu"), Batches(self.batch_size, seed))
            self.begin_epoch, self.fetch = feed.begin_epoch, feed.fetch
            return
        self._loader: DataLoader[Any] = DataLoader(
            PerSample(arrays),
            batch_size=self.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=params.count("workers"),
            generator=torch.Generator().manual_seed(seed),
        )
        self._batches: Iterator[Any] = iter(())
        self.begin_epoch, self.fetch = self._restart, self._next

    def compile(self) -> None: ...

    def _restart(self) -> None:
        self._batches = iter(self._loader)

    def _next(self, step: int) -> Tuple[Tensor, Tensor]:
        inputs, targets = next(self._batches)
        return inputs, targets

    def update(self, batch: Any) -> float:
        return 0.0

    def synchronize(self) -> None: ...

    def read_losses(self, losses: List[float]) -> List[float]:
        return list(losses)

    def evaluate(self) -> Evaluation:
        return Evaluation(loss=0.0, samples=self.steps_per_epoch * self.batch_size)

    def treatment(self) -> Pairs:
        threads = ("threads", torch.get_num_threads())
        return (("framework_version", str(torch.__version__)), threads)


def start(params: Params, seed: int, arrays: Optional[Arrays]) -> Passes:
    if arrays is None:
        raise ValueError("data_loading needs a data set")
    return Passes(arrays, params, seed)
