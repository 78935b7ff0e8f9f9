"""TensorFlow's own kernels, as an independent witness of linear_regression's optimizers."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from linear_figures import Row, computed, rows, starts

SCRIPT = Path(__file__).with_name("tensorflow_oracle.py")

WITNESSED = [
    row
    for row in rows()
    if row.name
    in {
        "gradient_descent-0.1",
        "gradient_descent-0.01",
        "gradient_descent-0.001",
        "momentum-0.01-0.9",
        "momentum-0.001-0.99",
        "momentum-0.0001-0.99",
        "adagrad-0.1",
        "adagrad-0.001",
        "adam-0.1-0.8-0.99",
        "adam-0.1-0.99-0.8",
        "adam-0.01-0.99-0.95",
        "adam-0.0001-0.9-0.9",
    }
]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"
)


@pytest.fixture(scope="module")
def witness() -> dict[str, Any]:
    """What TensorFlow computes, in a process of its own: it is never imported into this one."""
    asked = [{"optimizer": row.optimizer, **dict(row.params)} for row in WITNESSED]
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {
        row.name: answer for row, answer in zip(WITNESSED, json.loads(done.stdout), strict=True)
    }


@pytest.mark.parametrize("row", WITNESSED, ids=lambda row: row.name)
def test_first_losses_are_tensorflows_to_rounding(row: Row, witness: dict[str, Any]) -> None:
    ours, theirs = computed(row).steps[:20], witness[row.name]["steps"]
    assert len(theirs) == 20
    assert ours == pytest.approx(theirs, rel=2e-5)


@pytest.mark.parametrize("row", WITNESSED, ids=lambda row: row.name)
def test_last_loss_is_tensorflows(row: Row, witness: dict[str, Any]) -> None:
    ours, theirs = computed(row).final, witness[row.name]["final"]
    finals = starts(row)
    if finals.max() > 1.02 * finals.min():
        assert theirs <= 2 * finals.max()
    else:
        assert ours == pytest.approx(theirs, rel=1e-3, nan_ok=True)


@pytest.mark.parametrize("row", WITNESSED, ids=lambda row: row.name)
def test_tensorflow_confirms_what_holds_and_what_does_not(
    row: Row, witness: dict[str, Any]
) -> None:
    ours, theirs = computed(row), witness[row.name]
    assert row.holds(theirs["final"], theirs["steps"][1]) == row.holds(ours.final, ours.steps[1])
