"""The venue's time is within the bounds that are told, whatever the network does, and as narrow as its best moments allow."""

from __future__ import annotations

import asyncio
import json
import socket
from email.utils import formatdate
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.times import MS_NS, SECOND_NS
from hoga.net.rest import RestClient
from hoga.net.venue_clock import TimeKeeper, VenueClock
from hoga.runtime.clock import ManualClock
from hoga.venues.registry import VENUES
from hoga.venues.request import Request
from tests.net.raw import RawServer, read_request, run
from tests.waiting import eventually

NOW_NS = 1_795_163_415 * SECOND_NS


@given(
    off_ms=st.integers(-3_600_000, 3_600_000),
    trips=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(0, 5_000)), min_size=1, max_size=30),
    step_ms=st.sampled_from([1, 1_000]),
)
def test_the_truth_is_always_within_what_is_told(off_ms: int, trips: list[tuple[int, int, int]], step_ms: int) -> None:
    """Way there, way back, and the pause before, ms; the venue tells its time cut off to whole steps."""
    clock = ManualClock(NOW_NS)
    venue = VenueClock(clock)

    def truth() -> int:
        return clock.time_ns() + off_ms * MS_NS

    for there, back, pause in trips:
        clock.advance(pause / 1000)
        asked_ns = clock.monotonic_ns()
        clock.advance(there / 1000)
        read_ns = truth() // (step_ms * MS_NS) * step_ms * MS_NS
        clock.advance(back / 1000)
        venue.told(read_ns, asked_ns=asked_ns, came_ns=clock.monotonic_ns(), step_ns=step_ms * MS_NS)
        assert venue.error_ns is not None
        assert abs(venue.now_ns() - truth()) <= venue.error_ns
    best_ms = min(there + back for there, back, _ in trips) + step_ms
    assert venue.error_ns is not None
    assert venue.error_ns <= best_ms * MS_NS // 2 + sum(map(sum, trips)) * MS_NS // 5_000
    assert venue.jumps == 0


def test_a_date_is_good_to_a_tenth_of_a_second_after_some_dozens_of_answers() -> None:
    clock = ManualClock(NOW_NS)
    venue, off_ns = VenueClock(clock), 3_210 * MS_NS
    for _ in range(40):
        clock.advance(0.73)
        asked_ns = clock.monotonic_ns()
        clock.advance(0.008)
        date = formatdate((clock.time_ns() + off_ns) // SECOND_NS, usegmt=True)
        clock.advance(0.008)
        venue.dated(date, asked_ns=asked_ns, came_ns=clock.monotonic_ns())
    assert venue.error_ns is not None
    assert venue.error_ns < 100 * MS_NS
    assert abs(venue.now_ns() - (clock.time_ns() + off_ns)) <= venue.error_ns


@pytest.mark.parametrize("date", [None, "", "soon", "Mon, 99 Nov 2026 00:00:00 GMT"])
def test_a_date_that_cannot_be_read_tells_nothing(date: str | None) -> None:
    venue = VenueClock(ManualClock(NOW_NS))
    venue.dated(date, asked_ns=0, came_ns=1)
    assert not venue.is_known
    assert repr(venue) == "<VenueClock unknown>"


def test_who_sets_this_machines_clock_does_not_change_the_venues() -> None:
    clock = ManualClock(NOW_NS)
    venue = VenueClock(clock)
    assert (venue.now_ns(), venue.error_ns, venue.off_ns) == (NOW_NS, None, None)
    venue.told(NOW_NS, asked_ns=clock.monotonic_ns(), came_ns=clock.monotonic_ns(), step_ns=2)
    clock.set_wall(NOW_NS + 5 * SECOND_NS)
    clock.advance(1.0)
    assert venue.now_ns() == NOW_NS + SECOND_NS + 1
    assert venue.now_ms() == NOW_NS // MS_NS + 1000
    assert venue.off_ns == 5 * SECOND_NS - 1
    assert venue.error_ns is not None
    assert venue.error_ns < MS_NS


def test_a_venue_whose_clock_was_set_is_believed() -> None:
    clock = ManualClock(NOW_NS)
    venue = VenueClock(clock)
    for venue_ns in (NOW_NS, NOW_NS + 60 * SECOND_NS):
        venue.told(venue_ns, asked_ns=clock.monotonic_ns(), came_ns=clock.monotonic_ns(), step_ns=MS_NS)
    assert venue.jumps == 1
    assert abs(venue.now_ns() - NOW_NS - 60 * SECOND_NS) <= MS_NS
    doubts: list[int] = []
    venue.on_doubt = lambda: doubts.append(1)
    venue.doubt()
    assert (venue.is_known, venue.error_ns, doubts) == (False, None, [1])
    assert abs(venue.now_ns() - NOW_NS - 60 * SECOND_NS) <= MS_NS, "it serves until the next reading"
    venue.told(NOW_NS, asked_ns=clock.monotonic_ns() - SECOND_NS, came_ns=clock.monotonic_ns(), step_ns=MS_NS)
    assert (venue.jumps, venue.is_known) == (1, True)
    assert abs(venue.now_ns() - NOW_NS) <= SECOND_NS


def test_it_is_measured_by_the_time_call_and_again_at_once_when_it_is_doubted() -> None:
    """The third answer is none, the fourth no JSON."""
    asked = count(1)
    off_ms = [7_000]
    heard: list[int] = []

    def script(peer: socket.socket) -> None:
        while head := read_request(peer):
            number = 0 if b"/order" in head else next(asked)
            heard.append(number)
            body = b"<html>" if number == 4 else json.dumps({"serverTime": NOW_NS // MS_NS + off_ms[0], "code": -1021}).encode()
            status = b"503 Busy" if number == 3 else b"200 OK" if number else b"400 Bad"
            peer.sendall(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))

    async def work() -> None:
        clock = ManualClock(NOW_NS)
        spec, url = VENUES["binance"], server.url.replace("ws", "http")
        async with RestClient("binance", url, tls=None, timeout_s=5.0, clock=clock, is_late=spec.rest.is_late) as rest:
            keeper = TimeKeeper(rest, spec)
            assert await keeper.measure(timeout_s=5.0)
            assert abs(rest.venue_clock.now_ns() - NOW_NS - 7 * SECOND_NS) <= MS_NS
            assert rest.venue_clock.off_ns is not None
            assert abs(rest.venue_clock.off_ns + 7 * SECOND_NS) <= MS_NS
            clock.advance(60.0)  # what was measured a moment ago would not be measured again at once
            running = asyncio.create_task(keeper.run())
            await eventually(lambda: len(heard) == 10)
            off_ms[0] = -3_000
            await rest.send(Request(path="/order", method="POST"))
            assert not rest.venue_clock.is_known
            await eventually(lambda: len(heard) == 16)
            running.cancel()
            assert abs(rest.venue_clock.now_ns() - NOW_NS + 3 * SECOND_NS) <= MS_NS

    with RawServer(script) as server:
        run("asyncio", work)
    assert heard.index(0) == 10, "the ninth and the tenth were of the loop"


def test_where_there_is_no_time_call_the_dates_of_all_answers_tell() -> None:
    def script(peer: socket.socket) -> None:
        while read_request(peer):
            date = formatdate(NOW_NS // SECOND_NS + 100, usegmt=True).encode()
            peer.sendall(b"HTTP/1.1 200 OK\r\nDate: %b\r\nContent-Length: 2\r\n\r\n{}" % date)

    async def work() -> None:
        clock = ManualClock(NOW_NS)
        url = server.url.replace("ws", "http")
        async with RestClient("upbit", url, tls=None, timeout_s=5.0, clock=clock, dates=True) as rest:
            keeper = TimeKeeper(rest, VENUES["upbit"])
            assert not await keeper.measure()
            await rest.get("/v1/x")
            assert await keeper.measure()
            assert rest.venue_clock.error_ns is not None
            assert rest.venue_clock.error_ns <= 550 * MS_NS
            assert abs(rest.venue_clock.now_ns() - NOW_NS - 100 * SECOND_NS) <= 550 * MS_NS

    with RawServer(script) as server:
        run("asyncio", work)
