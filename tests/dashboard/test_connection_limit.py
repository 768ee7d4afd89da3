"""Who has to go when there are too many, or when they take too long."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hoga.dashboard.connection_limit import PROGRESS_S, ConnectionLimit, is_loopback


class Guest:
    """A connection, by hand."""

    def __init__(self) -> None:
        self.gone = False
        self.left = 0
        self.did: Hashable = None

    def abort(self) -> None:
        assert not self.gone, "once is enough"
        self.gone = True

    def get_write_buffer_size(self) -> int:
        return self.left


def opened(limit: ConnectionLimit, count: int, *, address: str = "127.0.0.1", now: float = 0.0) -> list[Guest]:
    guests = [Guest() for _ in range(count)]
    for connection in guests:
        limit.opened(connection, address, lambda connection=connection: connection.did, now)
    return guests


def house(**changes: int) -> ConnectionLimit:
    return ConnectionLimit(**{"limit": 10, "per_address": 4, **changes})


def test_the_one_that_waited_longest_makes_room() -> None:
    limit = house()
    first = opened(limit, 10)
    (late,) = opened(limit, 1, now=1.0)
    assert [connection.gone for connection in first] == [True] + [False] * 9
    assert (late.gone, len(limit), limit.turned_away) == (False, 10, 1)


def test_an_address_elsewhere_has_few_places_and_this_machine_all() -> None:
    limit = house()
    stranger = opened(limit, 6, address="1.2.3.4")
    assert [connection.gone for connection in stranger] == [True] * 2 + [False] * 4
    assert not any(connection.gone for connection in opened(limit, 6))


def test_those_with_the_most_connections_go_first() -> None:
    limit = house(per_address=8)
    quiet = opened(limit, 2, address="5.6.7.8")
    many = opened(limit, 8, address="1.2.3.4", now=1.0)
    (monitor,) = opened(limit, 1, now=2.0)
    assert [connection.gone for connection in [*quiet, many[0], monitor]] == [False, False, True, False]


def test_viewers_are_not_sent_away_for_somebody_new() -> None:
    limit = house()
    viewers = opened(limit, 10)
    for viewer in viewers:
        limit.begin_viewing(viewer)
    (late,) = opened(limit, 1)
    assert late.gone
    assert not any(viewer.gone for viewer in viewers)
    limit.sweep(1e9)
    assert not any(viewer.gone for viewer in viewers)
    limit.end_viewing(viewers[0], 1e9)
    limit.sweep(1e9 + PROGRESS_S + 1)
    assert [viewer.gone for viewer in viewers] == [True] + [False] * 9


def test_ten_seconds_to_ask_and_again_after_each_answer() -> None:
    limit = house()
    idle, busy = opened(limit, 2)
    for second in range(1, 100):
        if second % 9 == 0:
            busy.did = second
        limit.sweep(float(second))
        assert idle.gone is (second > PROGRESS_S)
    assert not busy.gone


def test_a_body_that_is_withheld_ends_with_its_request() -> None:
    limit = house()
    (connection,) = opened(limit, 1)
    connection.did = "a request without its body"
    limit.sweep(1.0)
    limit.sweep(1.0 + PROGRESS_S)
    assert not connection.gone
    limit.sweep(1.5 + PROGRESS_S)
    assert connection.gone


def test_who_takes_an_answer_slowly_has_a_minute_and_who_takes_none_ten_seconds() -> None:
    limit = house()
    slow, deaf = opened(limit, 2)
    for second in range(1, 100):
        slow.left, deaf.left = 100_000 - second, 100_000
        limit.sweep(float(second))
        assert deaf.gone is (second > PROGRESS_S)
        assert slow.gone is (second > 6 * PROGRESS_S)


def test_another_protocol_is_another_beginning() -> None:
    limit = house()
    (connection,) = opened(limit, 1)
    limit.switched(connection, lambda: None, 8.0)
    limit.sweep(15.0)
    assert not connection.gone
    limit.sweep(18.5)
    assert connection.gone


@given(
    some.lists(
        some.tuples(
            some.sampled_from(["in", "out", "seat", "sweep"]), some.integers(0, 30), some.sampled_from(["127.0.0.1", "1.1.1.1", "2.2.2.2"])
        ),
        max_size=200,
    )
)
def test_there_are_never_more_than_there_are_places(steps: list[tuple[str, int, str]]) -> None:
    limit, guests, now = house(), [], 0.0
    for step, number, address in steps:
        now += 1.0
        if step == "in":
            guests += [(address, *opened(limit, 1, address=address, now=now))]
        elif guests and step == "out":
            limit.closed(guests[number % len(guests)][1])
        elif guests and step == "seat":
            limit.begin_viewing(guests[number % len(guests)][1])
        else:
            limit.sweep(now)
        assert len(limit) <= 10


@pytest.mark.parametrize("address, own", [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False), ("::", False), ("", False), ("fe80::1%eth0", False),
    ("here", False),
])  # fmt: skip
def test_this_machines_own_addresses(address: str, own: bool) -> None:
    assert is_loopback(address) is own
