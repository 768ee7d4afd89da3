"""Private streams on real sockets, against a small strict server: logged in, refused, lost and found again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hoga.app.hub import wires_of
from hoga.core.market import DataType
from hoga.core.secret import Credentials, Secret
from hoga.feed.private_life import PrivateConfig
from hoga.feed.private_wire import PrivateWire
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, StatusEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.private import MissedEvent, PrivateState, PrivateStateEvent
from hoga.hub.routing import Delivery
from hoga.hub.states import WebSocketType
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.net.backoff import BackoffRules
from hoga.net.ratelimit import Budget
from hoga.net.rest import RestClient
from hoga.runtime.clock import SYSTEM, SystemClock
from hoga.venues.private import Trouble
from hoga.venues.registry import VENUES
from tests.app.private_server import PrivateServer
from tests.app.test_hub import at_upbit
from tests.app.upbit_server import UpbitServer
from tests.venues.test_private_sessions import FUTURES_ACCOUNT, FUTURES_ORDER, SPOT_POSITION, SPOT_REPORT, UPBIT_ASSETS, UPBIT_TRADE
from tests.venues.test_private_signing import pem

KEY, SECRET = "access-key-4f1b2c3d", "secret-key-9e8d7c6b"
SYMBOLS = {"upbit": "KRW-BTC", "binance": "BTCUSDT", "binance-usdm": "BTCUSDT"}
SPOT_FRAME = b'{"subscriptionId":0,"event":' + SPOT_REPORT + b"}"
ORDERS = {"upbit": UPBIT_TRADE, "binance": SPOT_FRAME, "binance-usdm": FUTURES_ORDER}
ASSETS = {"upbit": UPBIT_ASSETS, "binance": b'{"subscriptionId":0,"event":' + SPOT_POSITION + b"}", "binance-usdm": FUTURES_ACCOUNT}
VENUE_NAMES = sorted(SYMBOLS)
FAST = BackoffRules(base_s=1.1, max_s=0.2)


async def until(true: Callable[[], Any], *, looks: int = 1500) -> None:
    """Counts looks, not seconds: a machine that stands still for a while proves nothing."""
    for _ in range(looks):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true")


class Desk:
    """A component that writes everything down, in the order it is told."""

    def __init__(self) -> None:
        self.seen: list[BaseWebSocketEvent | StatusEvent] = []

    def take(self, event: BaseWebSocketEvent) -> None:
        self.seen.append(event)

    def tell(self, event: StatusEvent) -> None:
        self.seen.append(event)

    @property
    def events(self) -> list[BaseWebSocketEvent]:
        return [each for each in self.seen if isinstance(each, BaseWebSocketEvent)]

    @property
    def states(self) -> list[PrivateStateEvent]:
        return [each for each in self.seen if isinstance(each, PrivateStateEvent)]

    @property
    def missed(self) -> list[MissedEvent]:
        return [each for each in self.seen if isinstance(each, MissedEvent)]

    def state(self) -> PrivateState | None:
        return self.states[-1].state if self.states else None

    def refused(self) -> PrivateStateEvent:
        return next(each for each in self.states if each.state is PrivateState.REJECTED)

    def has_been(self, state: PrivateState, times: int = 1) -> bool:
        return sum(1 for each in self.states if each.state is state) >= times


class Rig:
    """A manager with one private wire, and a component."""

    def __init__(self, manager: GlobalWebSocketManager, wire: PrivateWire) -> None:
        self.manager = manager
        self.wire = wire
        self.desk = Desk()

    async def register(self, *types: DataType, symbols: tuple[str, ...] = (), name: str = "desk", desk: Desk | None = None) -> Any:
        desk = desk or self.desk
        wishes = [SubscriptionSpec(each, symbols, venue=self.wire.venue) for each in types]
        return await self.manager.register_component(name, desk, wishes, desk.take, delivery=Delivery.INLINE, on_status=desk.tell)


Build = Callable[..., Rig]


class Shifted(SystemClock):
    """A machine whose wall clock is off."""

    def __init__(self, off_ns: int) -> None:
        self.off_ns = off_ns
        self.time_ns = lambda: time.time_ns() + self.off_ns  # type: ignore[method-assign,assignment]


class Hasty(SystemClock):
    """Half an hour is a tenth of a second."""

    def __init__(self) -> None:
        began = time.monotonic()
        self.monotonic = lambda: began + (time.monotonic() - began) * 18_000  # type: ignore[method-assign,assignment]


def make_wire(venue: str, server: PrivateServer, credentials: Credentials | None = None, **more: Any) -> PrivateWire:
    settings: dict[str, Any] = {
        "ws_url": f"ws://{server.url}", "ports": (0,), "variable": "HOGA_X__", "backoff": FAST,
        "rejects": FAST, "tick_s": 0.05, "ping_interval_s": 0.5, "ping_timeout_s": 0.5, "login_timeout_s": 1.0,
        "overlap_s": 0.2, "patience_s": 0.6, "rest_s": 0.0,
    }  # fmt: skip
    clock = more.pop("clock", SYSTEM)
    return PrivateWire(
        VENUES[venue],
        PrivateConfig(**(settings | more)),
        credentials or Credentials(key=Secret(KEY), secret=Secret(SECRET)),
        connect_budget=Budget(limit=1000, window_s=1.0),
        rest=RestClient(venue, f"http://{server.url}", tls=None, timeout_s=10.0),
        tls=None,
        jitter=lambda: 0.5,
        clock=clock,
    )


@pytest_asyncio.fixture
async def server() -> AsyncIterator[PrivateServer]:
    async with PrivateServer(key=KEY, secret=SECRET) as made:
        yield made


@pytest_asyncio.fixture
async def build(server: PrivateServer) -> AsyncIterator[Build]:
    made: list[GlobalWebSocketManager] = []

    def start(venue: str, credentials: Credentials | None = None, *, public: Any = (), **more: Any) -> Rig:
        wire = make_wire(venue, server, credentials, **more)
        manager = GlobalWebSocketManager([*public, wire], VENUES)
        manager.start()
        made.append(manager)
        return Rig(manager, wire)

    yield start
    for manager in made:
        await manager.stop()


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_events_come_once_in_order_to_who_wants_them(venue: str, server: PrivateServer, build: Build) -> None:
    rig, all_of_it, other = build(venue), Desk(), Desk()
    await rig.register(DataType.MY_ORDER, DataType.MY_FILL, symbols=(SYMBOLS[venue],))
    await rig.register(DataType.MY_ORDER, DataType.MY_ASSET, name="all", desk=all_of_it)
    await rig.register(DataType.MY_ORDER, symbols=(SYMBOLS[venue].replace("BTC", "XRP"),), name="other", desk=other)
    await until(lambda: rig.desk.state() is PrivateState.LIVE)
    number = 28001
    for _ in range(20):
        number += 1
        frame = ORDERS[venue].replace(b"28001", b"%d" % number).replace(b"8886774", b"%d" % number).replace(b"9f1c", b"%d" % number)
        await server.push(frame)
    await server.push(ASSETS[venue])
    await until(lambda: any(event.data_type is DataType.MY_ASSET for event in all_of_it.events))
    for desk in (rig.desk, all_of_it):
        orders = [int(event.body.order_id) for event in desk.events if event.data_type is DataType.MY_ORDER]
        assert orders == list(range(28002, 28022))
    assert sum(1 for event in rig.desk.events if event.data_type is DataType.MY_FILL) == 20
    assert {event.symbol for event in rig.desk.events} == {SYMBOLS[venue]}
    assert {event.body.symbol for event in all_of_it.events if event.data_type is DataType.MY_ORDER} == {SYMBOLS[venue]}
    assert other.events == []
    assert server.asked["connect"] == 1
    assert rig.wire.stats()[0].connection == f"{venue}-private"


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_a_cut_is_healed_and_what_may_be_missing_is_told_first(venue: str, server: PrivateServer, build: Build) -> None:
    rig = build(venue)
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.state() is PrivateState.LIVE)
    await server.push(ORDERS[venue])
    await until(lambda: rig.desk.events)
    assert [(each.from_ns, each.epoch) for each in rig.desk.missed] == [(None, 1)]
    before_ns = time.time_ns()
    await server.cut()
    await until(lambda: rig.desk.has_been(PrivateState.LIVE, 2))
    live_ns = time.time_ns()
    await server.push(ORDERS[venue].replace(b"28001", b"28002").replace(b"8886774", b"8886775").replace(b"9f1c", b"9f1d"))
    await until(lambda: len(rig.desk.events) == 2)
    _, second = rig.desk.missed
    assert second.epoch == 2
    assert second.from_ns is not None
    assert second.from_ns < before_ns < second.to_ns < live_ns
    kinds = [type(each).__name__ for each in rig.desk.seen]
    assert kinds.index("MissedEvent", kinds.index("MissedEvent") + 1) < kinds.index("MyOrderEvent", kinds.index("MyOrderEvent") + 1)
    assert [event.epoch for event in rig.desk.events] == [1, 2]
    assert [each.state for each in rig.desk.states] == [
        "connecting", "authenticating", "live", "backing-off", "connecting", "authenticating", "live",
    ]  # fmt: skip
    assert [(each.epoch, each.up) for each in rig.desk.seen if isinstance(each, EpochEvent)] == [(1, True), (1, False), (2, True)]


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_a_wrong_key_is_told_with_a_hint_and_tried_again(venue: str, server: PrivateServer, build: Build) -> None:
    server.keys[KEY] = "wrong"
    rig = build(venue)
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.has_been(PrivateState.REJECTED, 3))
    told = rig.desk.refused()
    assert told.trouble is Trouble.KEY
    assert "HOGA_X__API_KEY" in told.hint
    assert told.retry_in_s is not None
    assert KEY not in told.text
    assert rig.manager.get_connection_metrics()[f"{venue}-private"].state == "refused" or rig.desk.state() is not PrivateState.REJECTED
    server.keys[KEY] = "ok"
    await until(lambda: rig.desk.state() is PrivateState.LIVE)
    assert rig.desk.missed[0].epoch == 1


@pytest.mark.parametrize("body", [True, False], ids=["reason", "no reason"])
@pytest.mark.parametrize("how, trouble", [("expired", Trouble.EXPIRED), ("scope", Trouble.PERMISSION)])
async def test_the_venue_says_what_is_wrong_with_a_key(how: str, trouble: Trouble, body: bool, server: PrivateServer, build: Build) -> None:
    server.keys[KEY], server.body = how, body
    rig = build("upbit")
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.has_been(PrivateState.REJECTED))
    told = rig.desk.refused()
    assert told.trouble is trouble
    assert KEY not in told.text
    assert SECRET not in told.text
    assert ("api_keys" in server.asked) is not body or body


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_a_wrong_secret_is_a_wrong_key(venue: str, server: PrivateServer, build: Build) -> None:
    if venue == "binance-usdm":
        server.keys = {}
    rig = build(venue, Credentials(key=Secret(KEY), secret=Secret("another")))
    await rig.register(DataType.MY_ASSET)
    await until(lambda: rig.desk.has_been(PrivateState.REJECTED))
    assert rig.desk.refused().trouble is Trouble.KEY


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_a_key_that_worked_and_no_longer_does_was_revoked(venue: str, server: PrivateServer, build: Build) -> None:
    rig = build(venue)
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.state() is PrivateState.LIVE)
    server.keys[KEY] = "revoked"
    if venue == "binance":
        await server.push(b'{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}}')
    else:
        await server.cut()
    await until(lambda: rig.desk.has_been(PrivateState.REJECTED, 2))
    rejected = [each for each in rig.desk.states if each.state is PrivateState.REJECTED]
    assert {each.trouble for each in rejected} == {Trouble.REVOKED}
    assert "no longer" in rejected[0].hint


@pytest.mark.parametrize("off_s", [60.0, -60.0])
async def test_a_clock_off_by_a_minute_is_named_with_the_minute(off_s: float, server: PrivateServer, build: Build) -> None:
    clock = Shifted(int(off_s * 1e9))
    rig = build("binance", clock=clock)
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.has_been(PrivateState.REJECTED))
    told = rig.desk.refused()
    assert told.trouble is Trouble.CLOCK
    way = "ahead of" if off_s > 0 else "behind"
    assert f"clock is 60.0 s {way} the venue's" in told.hint or f"clock is 59.9 s {way} the venue's" in told.hint
    clock.off_ns = 0
    await until(lambda: rig.desk.state() is PrivateState.LIVE)


async def test_ed25519_logs_on(server: PrivateServer, build: Build) -> None:
    seed = bytes(range(32))
    server.public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    rig = build("binance", Credentials(key=Secret(KEY), signing_key=pem(seed)))
    await rig.register(DataType.MY_FILL)
    await until(lambda: rig.desk.state() is PrivateState.LIVE)
    await server.push(SPOT_FRAME)
    await until(lambda: rig.desk.events)
    assert [request["method"] for request in server.requests] == ["session.logon", "userDataStream.subscribe"]


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_without_a_key_the_state_says_which_to_set(venue: str, server: PrivateServer, build: Build) -> None:
    rig, late = build(venue, Credentials()), Desk()
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.state() is PrivateState.NO_KEY)
    await rig.register(DataType.MY_ORDER, name="late", desk=late)
    assert [each.state for each in late.states] == ["no-key"]
    assert "HOGA_X__API_KEY" in late.states[0].hint
    assert server.asked == {}
    await rig.manager.unregister_component("late")
    await rig.manager.unregister_component("desk")
    await until(lambda: rig.wire.connection.phase is PrivateState.IDLE)


async def test_an_expired_listen_key_is_replaced(server: PrivateServer, build: Build) -> None:
    rig = build("binance-usdm")
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.state() is PrivateState.LIVE)
    await server.push(b'{"e":"listenKeyExpired","E":1790771372500,"listenKey":"listen1"}')
    await until(lambda: rig.desk.has_been(PrivateState.LIVE, 2))
    await server.push(FUTURES_ORDER)
    await until(lambda: rig.desk.events)
    assert [event.epoch for event in rig.desk.events] == [2]
    assert (server.asked["listenKey POST"], server.asked["connect"]) == (2, 2)
    assert len(rig.desk.missed) == 2


async def test_a_listen_key_is_kept_and_one_that_vanished_is_made_anew(server: PrivateServer, build: Build) -> None:
    """Its half hours are tenths of a second here."""
    rig = build("binance-usdm", clock=Hasty())
    await rig.register(DataType.MY_ORDER)
    await until(lambda: server.asked.get("listenKey PUT", 0) >= 3)
    assert server.asked["listenKey POST"] == 1
    server.listen_keys.clear()
    await until(lambda: server.asked["listenKey POST"] == 2 and rig.desk.state() is PrivateState.LIVE)


async def test_a_venue_that_is_down_is_waited_for(server: PrivateServer, build: Build) -> None:
    server.down = True
    rig = build("binance-usdm")
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.has_been(PrivateState.BACKING_OFF, 2))
    assert {each.trouble for each in rig.desk.states if each.state is PrivateState.BACKING_OFF} == {Trouble.VENUE}
    server.down = False
    await until(lambda: rig.desk.state() is PrivateState.LIVE)


async def test_a_socket_that_answers_no_ping_is_given_up(server: PrivateServer, build: Build) -> None:
    rig = build("upbit")
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.state() is PrivateState.LIVE)
    await asyncio.sleep(1.2)
    assert server.asked["connect"] == 1
    for socket in server.sockets:
        assert socket._req is not None
        assert socket._req.transport is not None
        socket._req.transport.pause_reading()  # type: ignore[attr-defined]
    await until(lambda: server.asked["connect"] == 2)
    assert any("ping" in each.text for each in rig.desk.states)


async def test_other_wants_touch_the_venue_only_where_they_must(server: PrivateServer, build: Build) -> None:
    rig, fills, assets = build("upbit"), Desk(), Desk()
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.state() is PrivateState.LIVE)
    await rig.register(DataType.MY_FILL, symbols=("KRW-BTC",), name="fills", desk=fills)
    await rig.register(DataType.MY_ASSET, name="assets", desk=assets)
    await until(lambda: len(server.requests) == 4)
    assert [[each["type"] for each in asked if "type" in each] for asked in server.requests[2:]] == [["myOrder", "myAsset"], []]
    assert {"method": "LIST_SUBSCRIPTIONS"} in server.requests[3], "what was asked for is proven"
    assert server.asked["connect"] == 1
    for name in ("desk", "fills", "assets"):
        await rig.manager.unregister_component(name)
    await until(lambda: not server.sockets and rig.wire.connection.phase is PrivateState.IDLE)
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.has_been(PrivateState.LIVE, 2))
    assert rig.wire.connection.epoch == 2


async def push_orders(server: PrivateServer, numbers: range, every_s: float) -> None:
    for number in numbers:
        await server.push(UPBIT_TRADE.replace(b"9f1c", b"%d" % number))
        await asyncio.sleep(every_s)


@contextlib.asynccontextmanager
async def both(server: PrivateServer, build: Build) -> AsyncIterator[tuple[Rig, UpbitServer, Desk]]:
    """A private and a public connection of one venue in one manager, both live."""
    async with UpbitServer(["KRW-BTC"]) as market:
        settings = at_upbit(market, BASE_BACKOFF="1")
        public = [wire for wire in wires_of(settings) if wire.kind is WebSocketType.PUBLIC]
        rig, chart = build("upbit", public=public), Desk()
        wish = [SubscriptionSpec(DataType.TRADE, ["KRW-BTC"])]
        await rig.manager.register_component("chart", chart, wish, chart.take, delivery=Delivery.INLINE, on_status=chart.tell)
        await rig.register(DataType.MY_ORDER)
        await until(lambda: chart.events and rig.desk.state() is PrivateState.LIVE)
        yield rig, market, chart


@pytest.mark.parametrize("seconds", [1.5, pytest.param(30.0, marks=pytest.mark.slow)])
async def test_the_private_side_lives_while_the_public_one_is_cut(seconds: float, server: PrivateServer, build: Build) -> None:
    async with both(server, build) as (rig, market, chart):
        rig.desk.seen.clear()
        pushing = asyncio.create_task(push_orders(server, range(1000, 1050), seconds / 50))
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await market.cut()
            await asyncio.sleep(0.02)
        await pushing
        await until(lambda: len(rig.desk.events) == 50)
        assert [int(event.body.order_id) for event in rig.desk.events] == list(range(1000, 1050))
        assert rig.desk.states == rig.desk.missed == []
        assert (rig.wire.connection.epoch, server.asked["connect"]) == (1, 1)
        lost = len(chart.events)
        await until(lambda: market.sockets and market.wants)
        for number in range(200):
            await market.send("trade", "KRW-BTC", 10_000 + number)
            if len(chart.events) > lost:
                break
            await asyncio.sleep(0.02)
        assert len(chart.events) > lost


@pytest.mark.parametrize("how", ["wrong", "expired", "cut"])
async def test_the_public_side_does_not_notice_private_trouble(how: str, server: PrivateServer, build: Build) -> None:
    async with both(server, build) as (rig, market, chart):
        before = len(chart.events)
        server.keys[KEY] = "ok" if how == "cut" else how
        for number in range(60):
            if not number % 20:
                await server.cut()
            await market.send("trade", "KRW-BTC", 100 + number)
            await asyncio.sleep(0.01)
        await until(lambda: len(chart.events) == before + 60)
        await until(lambda: rig.desk.has_been(PrivateState.LIVE, 2) or rig.desk.has_been(PrivateState.REJECTED))
        assert [(each.epoch, each.up) for each in chart.seen if isinstance(each, EpochEvent)] == [(1, True)]
        assert {event.epoch for event in chart.events} == {1}
        assert len(market.requests) == 1
        public = [each for each in rig.manager.get_connection_metrics().values() if each.connection_type is WebSocketType.PUBLIC]
        assert [(each.epoch, each.reconnect_count) for each in public] == [(1, 0)]
