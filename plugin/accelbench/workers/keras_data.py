"""The data of a Keras training: decoded and normalised once, cut into batches by tf.data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow as tf

from accelbench.workers.arrays import Array

Tensor = Any  # TensorFlow has no types


@dataclass(frozen=True)
class Cut:
    """How an endless stream of batches is cut from `samples` of a training set.

    A step takes `replicas` x `batch_size` samples that follow each other in the epoch's order.
    """

    batch_size: int
    replicas: int
    samples: int
    seed: int
    shuffles: bool = True
    stated_steps: Optional[int] = None

    @property
    def samples_per_step(self) -> int:
        """How many samples all replicas together train on in a step."""
        return self.batch_size * self.replicas

    @property
    def steps_per_epoch(self) -> int:
        """How many steps an epoch has; ValueError where not even one batch fills."""
        if self.samples < self.samples_per_step:
            each = f" on each of {self.replicas} replicas" if self.replicas > 1 else ""
            raise ValueError(
                f"batch_size {self.batch_size}{each} exceeds the {self.samples} training samples"
            )
        return self.stated_steps or self.samples // self.samples_per_step


def normalised(
    images: Array, mean: Union[float, Sequence[float]], deviation: Union[float, Sequence[float]]
) -> Array:
    """Return uint8 (n, h, w) or (n, h, w, 3) as float32 (n, h, w, channels).

    Pixels are scaled to [0, 1], then each channel is normalised; as many channels as there are
    means. ValueError where colour images meet a workload for grey ones.
    """
    means = np.atleast_1d(np.asarray(mean, np.float32))
    pixels = images if images.ndim == 4 else images[..., np.newaxis]
    if pixels.shape[3] not in {1, len(means)}:
        raise ValueError(
            f"the images have {pixels.shape[3]} channels, the workload's NORMALISE {len(means)}: "
            "choose another data set, or state one mean and one deviation a channel"
        )
    found = pixels.astype(np.float32)
    found /= np.float32(255.0)
    return (found - means) / np.asarray(deviation, np.float32)


def endless(images: Array, labels: Array, cut: Cut) -> Any:  # noqa: ANN401  # a tf.data.Dataset
    """Return the batches of all epochs, one after another, each of a whole step.

    The samples lie in memory, and a batch is a gather by its part of the epoch's order. The orders
    are drawn by the counter-based generator of tf.data's own host, from the seed and the number of
    the pass alone: they are the same for any number of replicas, and nothing of them is kept.
    """
    with tf.device("/CPU:0"):
        samples, targets = tf.constant(images), tf.constant(labels)
    wanted = cut.steps_per_epoch * cut.samples_per_step
    passes = -(-wanted // cut.samples)

    def order(number: Tensor) -> Tensor:
        if not cut.shuffles:
            return tf.range(cut.samples)
        bits = tf.random.stateless_uniform(
            [cut.samples], [cut.seed, number], minval=None, maxval=None, dtype=tf.int32
        )
        return tf.argsort(bits, stable=True)

    def epoch(number: Tensor) -> Any:  # noqa: ANN401  # a tf.data.Dataset
        orders = [order(number * passes + each) for each in range(passes)]
        steps = tf.reshape(tf.concat(orders, 0)[:wanted], [-1, cut.samples_per_step])
        return tf.data.Dataset.from_tensor_slices(steps)

    def batch(step: Tensor) -> Tuple[Tensor, Tensor]:
        return tf.gather(samples, step), tf.gather(targets, step)

    epochs = tf.data.Dataset.range(np.iinfo(np.int64).max)
    return epochs.flat_map(epoch).map(batch).repeat().prefetch(2)
