"""mnist_cnn_keras: mnist_cnn in Keras, one replica per device by TensorFlow's MirroredStrategy.

Claim (published report, MNIST, Adam 1e-4, batch 16 per device): training took 610, 324 and 156 s on
1, 2 and 4 devices, at test loss 0.03 and 99.12, 99.0 and 98.91 % test accuracy. Neither the number
of epochs nor the training set is stated: four, and the first 50,000 images, are the choice here.
"""

from __future__ import annotations

import keras
from keras import layers

from accelbench.workers.engine import Params
from accelbench.workers.keras_workload import KerasTraining

FRAMEWORK = "tensorflow"
TRAINED_BY = "tensorflow"
SERIES = "float32-keras"
INPUT = [28, 28]
NORMALISE = (0.0, 1.0)  # pixels in [0, 1], no normalisation

PARAMETERS = {
    "learning_rate": 1e-4,
    "dropout": 0.5,
    "batch_size": 16,  # per device
    "steps_per_execution": 20,
    "train_samples": 0,
    "target_accuracy": 0.9,
}

TIERS = {
    "smoke": [
        {
            "dataset": "digits",
            "epochs": 3,
            "params": {"learning_rate": 1e-3},
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
            "epochs": 4,
            "params": {"train_samples": 50000, "target_accuracy": 0.99},
            "gates": ["accuracy", "loss", "throughput"],
        },
    ],
}


# ----------------------------------------------------------------------------------------- model
def network(dropout: float) -> keras.Model:
    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(10),
        ]
    )


# -------------------------------------------------------------------------------------- training
def build(params: Params) -> KerasTraining:
    return KerasTraining(
        model=network(params.number("dropout")),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        optimizer=keras.optimizers.Adam(params.number("learning_rate")),
    )


def flops_per_sample(params: Params) -> float:
    from accelbench.workers.flops import conv, dense

    convolutions = conv(1, 32, 5, 28 * 28, first=True) + conv(32, 64, 5, 14 * 14)
    return convolutions + dense(3136, 1024) + dense(1024, 10)
