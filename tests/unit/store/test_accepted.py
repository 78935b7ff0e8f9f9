"""Which nights of the history the screen takes as healthy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench.records import Reading
from accelbench.store.accepted import accepted
from accelbench.store.past import Past
from accelbench.verdict.statuses import STATUSES


def past(night: int, status: str, number: int = 0, role: str = "screen") -> Past:
    """Return a reading that tells which one it is: night 3, run 1 reads 3.1."""
    session, time = f"session-{night}", f"2026-01-{night + 1:02d}T00:00:{number:02d}+00:00"
    reading = Reading(night + number / 10)
    return Past(f"{session}/{number}", session, time, "unit", role, reading, status, "host")


def nights(*statuses: str) -> list[Past]:
    return [past(number, status) for number, status in enumerate(statuses)]


def values(found: list[Past], **how: object) -> list[float]:
    return [point.reading.value for point in accepted(found, **how)]  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("status", "joins"),
    [
        *[(name, True) for name in ("passed", "improved", "blind", "learning")],
        *[(name, False) for name in ("regressed", "failed", "workload changed", "contended")],
        *[(name, False) for name in ("inconclusive", "pending", "new", "shown", "")],
    ],
)
def test_the_last_night_joins_by_its_status_alone(status: str, joins: bool) -> None:
    assert values(nights("passed", status)) == ([0.0, 1.0] if joins else [0.0])


def test_every_final_status_is_decided_here() -> None:
    for status in STATUSES:
        assert values(nights(status)) in ([], [0.0])


def test_an_inconclusive_night_joins_only_if_the_next_session_did_not_repeat_it() -> None:
    assert values(nights("inconclusive", "passed")) == [0.0, 1.0]
    assert values(nights("inconclusive", "blind", "inconclusive")) == [0.0, 1.0]
    for repeated in ("inconclusive", "regressed", "failed"):
        assert values(nights("inconclusive", repeated, "passed"))[0] != 0.0


def test_a_night_that_says_nothing_leaves_the_word_to_the_one_after() -> None:
    for nothing in ("contended", "shown", "", "workload changed"):
        assert values(nights("inconclusive", nothing, "passed")) == [0.0, 2.0]
        assert values(nights("inconclusive", nothing, "inconclusive", "contended")) == []


def test_another_run_of_the_same_session_is_not_the_next_session() -> None:
    night = [past(0, "inconclusive"), past(0, "passed", 1)]
    assert values(night) == [0.1]
    assert values([*night, past(1, "passed")]) == [0.0, 0.1, 1.0]
    assert values([*night, past(1, "passed"), past(1, "inconclusive", 1)]) == [0.1, 1.0]


def test_reference_runs_older_segments_and_tonight_do_not_count() -> None:
    found = [*nights("passed", "passed", "passed"), past(1, "passed", 5, "reference")]
    assert values(found) == [0.0, 1.0, 2.0]
    assert values(found, since=past(1, "").time) == [1.0, 2.0]
    assert values(found, without={"session-2"}) == [0.0, 1.0]
    assert values(found, without={"session-0/0"}) == [1.0, 2.0]


def test_tonights_own_pass_clears_no_earlier_suspicion() -> None:
    found = nights("inconclusive", "passed")
    assert values(found, without={"session-1"}) == []


STATUS = st.sampled_from([*STATUSES, ""])
PASTS = st.lists(
    st.builds(past, st.integers(0, 5), STATUS, st.integers(0, 3)),
    max_size=15,
    unique_by=lambda each: each.run_id,
)


@given(PASTS, st.data())
def test_the_order_of_the_rows_changes_nothing(found: list[Past], data: st.DataObject) -> None:
    mixed = data.draw(st.permutations(found))
    assert accepted(found) == accepted(mixed)
    assert [p.time for p in accepted(found)] == sorted(p.time for p in accepted(found))


@given(PASTS)
def test_a_later_bad_night_never_lets_more_join(found: list[Past]) -> None:
    before = set(accepted(found))
    for status in ("regressed", "failed", "inconclusive"):
        assert set(accepted([*found, past(9, status)])) <= before
