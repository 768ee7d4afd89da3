"""What nobody wants any more stays a while: the connection, its streams, and what they said last."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.hub.errors import SubscriptionError
from hoga.hub.events import BaseWebSocketEvent, StatusEvent, WaitingEvent
from hoga.hub.lingering import Lingering
from hoga.hub.pace import Pace
from hoga.hub.port import RateLimit
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.net.spoken import Spoken
from hoga.venues.registry import VENUES
from tests.hub.workbench import FakeWire, Make, ticker
from tests.waiting import eventually


class Chart:
    """A component."""

    def __init__(self) -> None:
        self.seen: list[BaseWebSocketEvent] = []
        self.status: list[StatusEvent] = []

    def take(self, event: BaseWebSocketEvent) -> None:
        self.seen.append(event)

    def on_status(self, event: StatusEvent) -> None:
        self.status.append(event)


def wish(*symbols: str) -> list[SubscriptionSpec]:
    return [SubscriptionSpec(DataType.TICKER, symbols, venue="upbit")]


async def test_a_lonely_chart_that_switches_keeps_its_connection(make: Make) -> None:
    wire, chart = FakeWire("upbit"), Chart()
    manager = make(wire, linger_s=3600.0)
    for number in range(15):
        await manager.register_component("chart", chart, wish(f"KRW-{'AB'[number % 2]}"), chart.take, delivery=Delivery.INLINE)
        await eventually(lambda number=number: f"KRW-{'AB'[number % 2]}" in [stream.symbol for stream in wire.streams])
        assert all(wire.wants), "the connection has something at any time"
    assert wire.epoch == 1
    assert len(wire.wants) == 2, "what lingers is not asked for again"


async def test_what_is_left_goes_after_the_grace(make: Make) -> None:
    wire, chart = FakeWire("upbit"), Chart()
    manager = make(wire, linger_s=0.05)
    await manager.register_component("chart", chart, wish("KRW-A"), chart.take)
    await eventually(lambda: wire.streams)
    began = monotonic()
    await manager.unregister_component("chart")
    await eventually(lambda: not wire.streams, pause=0.001)
    assert monotonic() - began >= 0.05


async def test_a_symbol_that_comes_back_is_there_at_once(make: Make) -> None:
    wire, chart = FakeWire("upbit"), Chart()
    manager = make(wire, linger_s=3600.0)
    await manager.register_component("chart", chart, wish("KRW-A"), chart.take, delivery=Delivery.INLINE)
    await eventually(lambda: wire.streams)
    wire.push(ticker("KRW-A", 1))
    await manager.register_component("chart", chart, wish("KRW-B"), chart.take, delivery=Delivery.INLINE)
    await eventually(lambda: len(wire.streams) == 2)
    wire.push(ticker("KRW-A", 2))
    assert [event.body.last for event in chart.seen] == [1], "what is left tells nothing"
    await manager.register_component("chart", chart, wish("KRW-A"), chart.take, delivery=Delivery.INLINE)
    assert [event.body.last for event in chart.seen] == [1, 2]
    wire.push(ticker("KRW-A", 3))
    assert [event.body.last for event in chart.seen] == [1, 2, 3]


@given(st.lists(st.tuples(st.integers(0, 99), st.floats(0, 3)), max_size=200))
def test_the_grace_has_bounds(steps: list[tuple[int, float]]) -> None:
    lingering, now, left = Lingering(seconds=5.0, most=32), 100.0, {}
    for number, pause in steps:
        now += pause
        stream = VENUES["upbit"].parse_stream(f"KRW-A{number}", "ticker")
        left[stream] = now
        lingering.left(stream, now)
        kept = lingering.kept(now, wanted=lambda stream: False)
        assert stream in kept
        assert len(kept) <= 32
        assert all(now - left[each] <= 10.0 + 3.0 for each in kept)


def test_the_newest_wish_is_told_within_its_bound_and_a_minute_within_its_budget() -> None:
    for gap in (0.05, 0.3, 0.5, 1.0, 2.0):
        pace, now, told, since, waits = Pace(), 0.0, [], None, []
        following = 0.0
        while now < 300:
            if now >= following:
                pace.changed(now)
                since = now if since is None else since
                following += gap
            if pace.due(now) == 0:
                pace.told(now)
                told.append(now)
                waits.append(now - since)
                since = None
            now += 0.01
        assert max(waits) <= pace.bound_s + 0.02 <= 1.02
        assert max(sum(at <= each < at + 60 for each in told) for at in told) <= 81


@given(st.lists(st.tuples(st.sampled_from(["request", "ping", "pong"]), st.floats(0, 0.6)), max_size=300), st.sampled_from([5, 10]))
def test_a_connection_never_says_more_than_the_venue_hears(steps: list[tuple[str, float]], per_s: int) -> None:
    """Pings and pongs count, and what was sent apart may arrive a quarter of a second nearer together."""
    spoken, now, sent = Spoken(per_s=per_s, per_min=100), 0.0, []
    for kind, pause in steps:
        now += pause
        wait = spoken.request_wait_s(now) if kind == "request" else spoken.control_wait_s(now)
        if wait <= 0:
            spoken.said(now)
            sent.append(now)
    assert all(sum(at <= each < at + 1.2 for each in sent) <= per_s for at in sent)


def test_requests_leave_room_for_a_ping_and_a_pong() -> None:
    spoken = Spoken(per_s=5, per_min=None)
    for _ in range(3):
        assert spoken.request_wait_s(0.0) == 0
        spoken.said(0.0)
    assert spoken.request_wait_s(0.0) == 1.25
    for _ in range(2):
        assert spoken.control_wait_s(0.0) == 0
        spoken.said(0.0)
    assert spoken.control_wait_s(0.0) == 1.25


class LimitedWire(FakeWire):
    """Its venue's limit is used up."""

    async def list_subscriptions(self) -> dict[str, frozenset[str] | None]:
        return {}

    def rate_limits(self) -> list[RateLimit]:
        return []

    def delayed(self) -> list[tuple[list[Stream], float]]:
        return [(self.streams, 12.5)]


async def test_who_waits_for_a_limit_is_told_once(make: Make) -> None:
    wire, chart = LimitedWire("upbit"), Chart()
    manager = make(wire, pace=Pace(quiet_s=0, longest_s=0))
    await manager.register_component("chart", chart, wish("KRW-A", "KRW-B"), chart.take, on_status=chart.on_status)
    await eventually(lambda: wire.streams)
    manager.tick()
    manager.tick()
    told = [event for event in chart.status if isinstance(event, WaitingEvent)]
    assert told == [WaitingEvent(venue="upbit", symbols=("KRW-A", "KRW-B"), wait_s=12.5)]


async def test_all_symbols_of_a_venue_by_name(make: Make) -> None:
    listed: Any = {"KRW-A": "TRADING", "KRW-B": "halted", "KRW-C": "TRADING"}
    manager = make(FakeWire("upbit", symbols={name: said.lower() for name, said in listed.items()}), FakeWire("binance"))
    assert await manager.symbols("upbit") == ["KRW-A", "KRW-C"]
    with pytest.raises(SubscriptionError, match="does not tell its symbols now"):
        await manager.symbols("binance")
    with pytest.raises(SubscriptionError, match="did you mean upbit"):
        await manager.symbols("upbitt")
