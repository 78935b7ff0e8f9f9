"""Which stored run's first losses a run must repeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from accelbench.records import Run, Steps
from accelbench.trajectories import early
from accelbench.verdict.trajectory import CHANGED, EXACT, SAME, UNKNOWN

MakeRun = Callable[..., Run]

LOSSES = tuple(2.0 - 0.05 * step for step in range(32))


def trained(make_run: MakeRun, losses: tuple[float, ...] = LOSSES, **changes: object) -> Run:
    run = make_run(**{"run_id": "new", "seed": 7, **changes})
    return replace(run, steps=Steps(loss=losses))


def moved(step: int, by: float) -> tuple[float, ...]:
    return tuple(loss + by if at >= step else loss for at, loss in enumerate(LOSSES, 1))


def test_the_stored_run_of_the_same_seed_and_stack_is_what_must_be_repeated(
    make_run: MakeRun,
) -> None:
    stored = [trained(make_run, run_id="old"), trained(make_run, moved(1, 1.0), run_id="o", seed=8)]
    assert early(trained(make_run), stored).status == EXACT
    found = early(trained(make_run, moved(11, 0.01)), stored)
    assert (found.status, found.step) == (CHANGED, 11)


def test_repeats_of_the_seed_say_how_much_noise_is_usual(make_run: MakeRun) -> None:
    stored = [
        trained(make_run, moved(5, 0.001), run_id="old-1", time="2026-01-01T00:00:00+00:00"),
        trained(make_run, run_id="old-2", time="2026-01-02T00:00:00+00:00"),
    ]
    assert early(trained(make_run, moved(5, 0.002)), stored).status == SAME
    assert early(trained(make_run, moved(5, 0.002)), stored[1:]).status == CHANGED


def test_nothing_is_known_without_an_equal_seed_identity_and_stack(make_run: MakeRun) -> None:
    run = trained(make_run, treatment=(("commit", "b"), ("torch", "2.9")))
    others = [
        trained(make_run, run_id="a", treatment=(("commit", "a"), ("torch", "2.8"))),
        trained(make_run, run_id="b", seed=8, treatment=(("commit", "a"), ("torch", "2.9"))),
        run,
    ]
    assert early(run, others).status == UNKNOWN
    same = trained(make_run, run_id="c", treatment=(("commit", "a"), ("torch", "2.9")))
    assert early(run, [*others, same]).status == EXACT
