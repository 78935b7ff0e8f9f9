"""No run starts that cannot finish before Slurm ends the job around its session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.slurm.conftest import Checkout

SAID = "alpha on cpu needs about 500 s, and Slurm ends this job in "


@pytest.fixture
def slow(checkout: Checkout) -> Checkout:
    """A checkout whose stored runs have taken more than 500 seconds."""
    done = checkout.do(checkout.session("--update-baselines", "--seeds=2"))
    assert done.status == 0, done.out
    checkout.started.unlink()
    for path in checkout.root.glob("baselines/alpha/*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            line["run"]["phases"] = {**line["run"]["phases"], "steady": 500.0, "queue": 1000.0}
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return checkout


def test_a_run_that_cannot_finish_is_not_started(slow: Checkout) -> None:
    said = slow.inside(slow.session("-rs"), "--time=2")
    assert "1 skipped" in said
    assert SAID in said
    assert not slow.started.exists()
    said = slow.inside(slow.session("--require-device", "cpu"), "--time=2")
    assert "1 failed" in said
    assert SAID in said
    said = slow.inside(slow.training(), "--time=2")
    assert SAID in said
    assert said.endswith("status 1\n")
    assert not slow.started.exists()


def test_a_run_that_can_finish_is_started(slow: Checkout) -> None:
    said = slow.inside(slow.training(), "--time=30")
    assert said.endswith("status 0\n")
    assert slow.started.exists()


def test_an_allocation_without_an_end_refuses_nothing(slow: Checkout) -> None:
    assert slow.inside(slow.training()).endswith("status 0\n")
