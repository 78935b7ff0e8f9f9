"""Trains the linear regression with TensorFlow's own optimizer kernels; run as a script.

Reads a JSON list of rows ({"optimizer": ..., "learning_rate": ..., ...}) from standard input and
prints a JSON list of {"steps": [the losses of the first steps], "final": the loss after 1000}.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import tensorflow as tf

STEPS, SHOWN = 1000, 20
EPSILON = 1e-8

Variable = Any
Update = Any


def updates(params: dict[str, Any]) -> Update:
    """Return a function (index, variable, gradient) that applies the row's optimizer."""
    rate = tf.constant(params["learning_rate"])
    slots = [[tf.Variable(start) for start in _slots(params["optimizer"])] for _ in range(2)]
    powers = [tf.Variable(1.0), tf.Variable(1.0)]

    def apply(index: int, variable: Variable, gradient: Any) -> None:  # noqa: ANN401  # untyped
        ops, var = tf.raw_ops, variable.handle
        own = [slot.handle for slot in slots[index]]
        if params["optimizer"] == "gradient_descent":
            ops.ResourceApplyGradientDescent(var=var, alpha=rate, delta=gradient)
        elif params["optimizer"] == "momentum":
            ops.ResourceApplyMomentum(
                var=var, accum=own[0], lr=rate, grad=gradient, momentum=params["momentum"]
            )
        elif params["optimizer"] == "adagrad":
            ops.ResourceApplyAdagrad(var=var, accum=own[0], lr=rate, grad=gradient)
        else:
            betas = [tf.constant(params[name]) for name in ("beta1", "beta2")]
            if index == 0:  # the powers are of the step, which both variables share
                for power, beta in zip(powers, betas, strict=True):
                    power.assign(power * beta)
            ops.ResourceApplyAdam(
                var=var,
                m=own[0],
                v=own[1],
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=rate,
                beta1=betas[0],
                beta2=betas[1],
                epsilon=EPSILON,
                grad=gradient,
            )

    return apply


def _slots(optimizer: str) -> list[float]:
    return {"gradient_descent": [], "momentum": [0.0], "adagrad": [0.1], "adam": [0.0, 0.0]}[
        optimizer
    ]


def trained(params: dict[str, Any]) -> dict[str, Any]:
    """Return the first losses and the last one of a row."""
    inputs, targets = tf.constant([1.0, 2.0, 3.0, 4.0]), tf.constant([0.0, -1.0, -2.0, -3.0])
    weight, bias = tf.Variable(0.3), tf.Variable(-0.3)
    apply = updates(params)

    def loss() -> Any:  # noqa: ANN401  # untyped
        return tf.reduce_sum(tf.square(weight * inputs + bias - targets))

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def step() -> Any:  # noqa: ANN401  # untyped
        with tf.GradientTape() as tape:
            value = loss()
        variables = [weight, bias]
        for index, gradient in enumerate(tape.gradient(value, variables)):
            apply(index, variables[index], gradient)
        return value

    steps = [float(step()) for _ in range(STEPS)]
    return {"steps": steps[:SHOWN], "final": float(loss())}


if __name__ == "__main__":
    print(json.dumps([trained(row) for row in json.load(sys.stdin)]))  # noqa: T201  # its output
