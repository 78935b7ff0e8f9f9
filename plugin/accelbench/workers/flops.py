"""Floating-point operations to train on one sample, in closed form: a multiply-add counts as two.

Of a layer whose forward pass takes F operations, the gradient of its weights takes F again, and so
does that of its inputs, which a network's first layer has no use for. Left out, for they are a few
per cent at most and no peak is stated for them: biases, activations, pooling, normalisation,
softmax and loss, augmentation, and the optimizer.
"""

from __future__ import annotations


def dense(inputs: int, outputs: int, *, first: bool = False) -> float:
    """Return the operations of a dense layer: forward, and its two gradients (one if `first`)."""
    return float((2 if first else 3) * 2 * inputs * outputs)


def conv(entering: int, channels: int, kernel: int, pixels: int, *, first: bool = False) -> float:
    """Return the operations of a convolution, `kernel` square, with `pixels` outputs a channel.

    Padding counts as if it were image, and stride needs no term: it is in the number of pixels.
    """
    return pixels * dense(entering * kernel * kernel, channels, first=first)
