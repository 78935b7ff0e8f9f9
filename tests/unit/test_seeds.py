"""Seeds are derived, never drawn twice, never one that is stored."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from accelbench.seeds import derive, new_session_id

TEXTS = st.text(max_size=12)
NUMBERS = st.integers(0, 1000)


@given(TEXTS, TEXTS, NUMBERS, st.integers(0, 5))
def test_a_seed_is_never_one_that_is_stored(
    session: str, cell: str, number: int, rounds: int
) -> None:
    # The stored ones are those that would come next: the only ones it could collide with.
    stored: set[int] = set()
    for _ in range(rounds + 1):
        seed = derive(session, cell, number, stored)
        assert seed not in stored
        assert 0 <= seed < 2**31
        stored.add(seed)


@given(TEXTS, TEXTS, NUMBERS)
def test_a_seed_follows_from_session_cell_and_number(session: str, cell: str, number: int) -> None:
    seed = derive(session, cell, number, ())
    assert seed == derive(session, cell, number, {seed + 1})
    assert seed != derive(session + "'", cell, number, ())
    assert seed != derive(session, cell + "'", number, ())
    assert seed != derive(session, cell, number + 1, ())


def test_seeds_of_many_runs_differ() -> None:
    seeds = {derive("session", "cell", number, ()) for number in range(2000)}
    assert len(seeds) == 2000


def test_a_session_id_tells_its_start_and_no_two_are_equal() -> None:
    ids = {new_session_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]{6}", each) for each in ids)
