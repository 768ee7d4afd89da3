"""The table of an order's moves: every one of them reached, none that brings an ended order back, and any sequence of what can be heard."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.trading.orders import MOVES, Heard, Status
from tests.trading.sequences import run


def test_an_order_that_has_ended_never_lives_again() -> None:
    for status in Status:
        if status.is_over:
            assert set(MOVES[status].values()) == {status}


def test_every_status_has_its_moves_and_is_reached() -> None:
    assert set(MOVES) == set(Status)
    reached = {after for status, moves in MOVES.items() for after in moves.values() if after is not status}
    assert reached == set(Status) - {Status.INTENT}


def test_what_nobody_knows_is_only_absent_by_proof() -> None:
    to_absent = {(status, heard) for status, moves in MOVES.items() for heard, after in moves.items() if after is Status.ABSENT}
    assert {each for each in to_absent if each[0] is not Status.ABSENT} == {(Status.UNKNOWN, Heard.PROVEN_ABSENT)}


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_any_sequence_of_what_can_be_heard_keeps_what_must_hold(seed: int) -> None:
    run(seed, 20)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_a_million_sequences_keep_what_must_hold() -> None:
    ends = run(1, 1_000_000)
    assert sum(ends.values()) == 1_000_000
    assert {Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.REJECTED, Status.ABSENT, Status.UNKNOWN} <= set(ends)
