"""The published figures on the real MNIST, one epoch each, through `accelbench run`."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from mnist_figures import ADAM, FIGURES, Figure, accuracy_percent, measured

from accelbench.data import DataMissingError, dataset, prepare

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def real_mnist() -> None:
    root = os.environ.get("ACCELBENCH_DATA")
    if not root:
        pytest.skip("ACCELBENCH_DATA is not set: it names the folder that holds the real MNIST")
    try:
        prepare(dataset("mnist"), Path(root), (28, 28))
    except DataMissingError as error:
        pytest.skip(f"ACCELBENCH_DATA: {error}")


@pytest.mark.mnist
@pytest.mark.usefixtures("real_mnist")
@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_figure_comes_out_in_its_band(figure: Figure) -> None:
    run = measured(figure)
    assert run["state"] == "completed"
    assert run["counters"]["parameters"] == figure.parameters
    assert run["evaluation"]["samples"] == 10000
    assert figure.low <= accuracy_percent(run) <= figure.high


@pytest.mark.mnist
@pytest.mark.usefixtures("real_mnist")
def test_adams_row_of_softmax_is_not_reproduced() -> None:
    """The report states 91.86 %; within 0.7 points, as its other rows are, would be 91.16 %."""
    assert accuracy_percent(measured(ADAM)) < 91.86 - 0.7


def test_bands_of_softmax_are_the_reports_rows() -> None:
    with (HERE / "mnist_softmax.csv").open(newline="") as file:
        stated = {line["optimizer"]: line["test_accuracy_percent"] for line in csv.DictReader(file)}
    ours = {str(dict(f.params)["optimizer"]): f.stated for f in FIGURES if f.parameters == 7850}
    assert ours == {optimizer: f"{percent} %" for optimizer, percent in stated.items()}


def test_bands_of_the_networks_quote_the_reports_rows() -> None:
    with (HERE / "graphcore_mnist.csv").open(newline="") as file:
        default = [
            line["test_accuracy_percent"]
            for line in csv.DictReader(file)
            if line["case"] == "default"
        ]
    with (HERE / "mnist_cnn.csv").open(newline="") as file:
        one_epoch = {
            line["batch_size"]: line["test_accuracy_percent"]
            for line in csv.DictReader(file)
            if line["epochs"] == "1" and float(line["learning_rate"]) == 1e-3
        }
    graphcore, cnn = (f.stated for f in FIGURES[-2:])
    assert graphcore == f"{default[0]} % and {default[1]} % after ten epochs"
    assert cnn == f"{one_epoch['16']} % at batch 16, {one_epoch['250']} % at batch 250"
