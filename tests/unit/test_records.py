"""The few things that records do by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench.records import COMPLETED, TRAJECTORY_STEPS, Phases, Run, State, Steps

NAMES = [field.name for field in fields(Phases)]


@given(st.lists(st.floats(0, 1e6), min_size=len(NAMES), max_size=len(NAMES)))
def test_the_wall_clock_is_the_sum_of_all_phases(seconds: list[float]) -> None:
    assert Phases(*seconds).wall_seconds == pytest.approx(sum(seconds))


@pytest.mark.parametrize("name", NAMES)
def test_no_phase_is_left_out_of_the_wall_clock(name: str) -> None:
    assert Phases(**{name: 3.0}).wall_seconds == 3.0


def test_a_state_shows_its_detail() -> None:
    assert str(State("timed_out", "steady")) == "timed_out(steady)"
    assert str(COMPLETED) == "completed"


def test_a_stored_run_keeps_the_first_losses_and_no_step_times(
    make_run: Callable[..., Run],
) -> None:
    numbers = tuple(float(i) for i in range(100))
    run = make_run(steps=Steps(numbers, numbers, numbers))
    stored = run.condensed()
    assert stored.steps == Steps(loss=numbers[:TRAJECTORY_STEPS])
    assert stored.epochs == run.epochs
    assert len(run.steps.loss) == 100


def test_records_cannot_be_changed(make_run: Callable[..., Run]) -> None:
    with pytest.raises(FrozenInstanceError):
        make_run().message = "x"  # type: ignore[misc]  # that is the test
