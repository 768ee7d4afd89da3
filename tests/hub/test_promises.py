"""What the hub's page promises to those who move over from a manager of their own, promise by promise."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from hoga.core.errors import ProtocolMisuse
from hoga.core.market import DataType
from hoga.hub.alerts import AlertKind
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.errors import ArgumentError, SubscriptionError
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, StatusEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.port import LifeEnd
from hoga.hub.private import PrivateState, PrivateStateEvent
from hoga.hub.routing import Delivery
from hoga.hub.states import GlobalManagerState, WebSocketType
from hoga.hub.subscriptions import Mode, SubscriptionSpec
from hoga.runtime.clock import ManualClock
from tests.hub.workbench import FakeWire, Make, ticker, trade
from tests.waiting import eventually


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.seen: list[BaseWebSocketEvent] = []
        self.status: list[StatusEvent] = []

    def take(self, event: BaseWebSocketEvent) -> None:
        self.seen.append(event)

    def on_status(self, event: StatusEvent) -> None:
        self.status.append(event)


def wish(*symbols: str, data_type: DataType = DataType.TICKER, **more: Any) -> SubscriptionSpec:
    return SubscriptionSpec(data_type, symbols, **more)


TRADES = [wish("BTCUSDT", data_type=DataType.TRADE)]


# -- weak means weak ------------------------------------------------------------------------------------------------


async def test_a_component_with_a_status_method_is_collected(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    await manager.register_component("a", widget, [wish("KRW-A")], widget.take, on_status=widget.on_status)
    await eventually(lambda: wire.streams)
    gone = weakref.ref(widget)
    del widget
    gc.collect()
    await eventually(lambda: not wire.streams)
    assert gone() is None
    assert manager.get_performance_metrics().total_components == 0


async def test_a_client_that_is_lost_ends_its_interests(make: Make) -> None:
    wire = FakeWire("upbit")
    manager = make(wire)
    client = SimpleWebSocketClient("a", manager=manager)
    await client.register_interests(["KRW-A"], [DataType.TICKER])
    await eventually(lambda: wire.streams)
    gone = weakref.ref(client)
    del client
    gc.collect()
    await eventually(lambda: not wire.streams)
    assert gone() is None
    assert (manager.pool.size, manager.get_routing_statistics().routes) == (0, 0)


@pytest.mark.parametrize("owner", [None, {}, 5])
async def test_an_owner_that_cannot_be_held_weakly_leaves_nothing(make: Make, owner: Any) -> None:
    wire = FakeWire("upbit")
    manager = make(wire)
    with pytest.raises(ArgumentError, match="held weakly"):
        await manager.register_component("a", owner, [wish("KRW-A")], print)
    await asyncio.sleep(0.02)
    assert (wire.streams, manager.subscriptions.streams) == ([], 0)


# -- wishes change without loss, repetition or leftovers --------------------------------------------------------------


@pytest.mark.parametrize("delivery", [Delivery.THREAD, Delivery.LOOP, Delivery.INLINE])
async def test_wishes_that_change_lose_nothing_and_repeat_nothing(make: Make, delivery: Delivery) -> None:
    wire, widget, gate = FakeWire("binance"), Widget(), threading.Event()
    manager = make(wire)

    def take(event: BaseWebSocketEvent) -> None:
        if delivery is Delivery.THREAD:
            gate.wait(0.002)
        widget.seen.append(event)

    symbols = ["BTCUSDT"]
    await manager.register_component("bot", widget, [wish(*symbols, data_type=DataType.TRADE)], take, delivery=delivery)
    await eventually(lambda: wire.streams)
    for number in range(100):
        wire.push(trade("BTCUSDT", number))
        if not number % 10:
            symbols.append(f"S{number}USDT")
            await manager.register_component("bot", widget, [wish(*symbols, data_type=DataType.TRADE)], take, delivery=delivery)
            await asyncio.sleep(0)
    gate.set()
    await eventually(lambda: len(widget.seen) >= 100)
    await asyncio.sleep(0.02)
    assert [event.body.trade_id for event in widget.seen] == list(range(100))
    stats = manager.get_routing_statistics().by_consumer["bot"]
    assert (stats.delivered, stats.dropped, stats.accepted) == (100, 0, 100)


async def test_a_reader_that_adds_interests_has_each_event_once(make: Make) -> None:
    wire = FakeWire("binance")
    client = SimpleWebSocketClient("a", manager=make(wire))
    reader = client.events()
    for number in range(6):
        await client.register_interests([f"S{number}USDT", "BTCUSDT"], [DataType.TRADE])
        await eventually(lambda number=number: len(wire.streams) == number + 2)
        wire.push(trade("BTCUSDT", number))
    seen = [await anext(reader) for _ in range(6)]
    assert [event.body.trade_id for event in seen] == list(range(6))
    assert (reader._waiting, client.dropped) == (reader._waiting.__class__(), 0)
    await client.close()


async def test_more_of_a_stream_than_before_is_told_if_it_was_not(make: Make) -> None:
    """SNAPSHOT, then BOTH: what is now again, and then what comes."""
    wire, first, widget = FakeWire("upbit"), Widget(), Widget()
    manager = make(wire)
    await manager.register_component("first", first, [wish("KRW-A")], first.take, delivery=Delivery.INLINE)
    await eventually(lambda: wire.streams)
    wire.push(ticker("KRW-A", 1))
    for mode in (Mode.SNAPSHOT, Mode.BOTH, Mode.BOTH):
        await manager.register_component("a", widget, [wish("KRW-A", mode=mode)], widget.take, delivery=Delivery.INLINE)
    wire.push(ticker("KRW-A", 2))
    assert [event.body.last for event in widget.seen] == [1, 1, 2]


async def test_one_refused_interest_leaves_the_client_as_it_was(make: Make) -> None:
    wire = FakeWire("upbit", symbols={"KRW-A": "TRADING", "KRW-B": "TRADING"})
    manager = make(wire)
    client = SimpleWebSocketClient("a", manager=manager)
    with pytest.raises(SubscriptionError, match="unknown stream"):
        await client.register_interests(["KRW-A"], [DataType.CANDLE], interval="1h")
    assert await client.register_interests(["KRW-A"], [DataType.TICKER])
    await eventually(lambda: manager.resolver.known)
    assert not await client.register_interests(["KRW-NOPE"], [DataType.TICKER])
    assert await client.register_interests(["KRW-B"], [DataType.TICKER])
    assert [error.symbols for error in client.errors] == [("KRW-NOPE",)]
    await eventually(lambda: [stream.symbol for stream in wire.streams] == ["KRW-A", "KRW-B"])
    await client.close()


async def test_interests_end_when_they_are_dropped_and_do_not_come_back(make: Make) -> None:
    wire = FakeWire("upbit")
    manager = make(wire)
    client = SimpleWebSocketClient("a", manager=manager)
    await client.register_interests(["KRW-A", "KRW-B"], [DataType.TICKER, DataType.ORDERBOOK])
    await client.drop_interests(["krw-a"], [DataType.ORDERBOOK])
    await eventually(lambda: wire.streams)
    assert [stream.name for stream in wire.streams] == ["KRW-A@ticker", "KRW-B@ticker", "KRW-B@orderbook"]
    wire.push(ticker("KRW-A", 1))
    assert client.get_ticker("KRW-A") is not None
    await client.drop_interests(["KRW-A"])
    assert client.get_ticker("KRW-A") is None
    await client.drop_interests(["KRW-B", "KRW-C"])
    await eventually(lambda: not wire.streams)
    assert manager.pool.size == 0
    await client.register_interests(["KRW-A"], [DataType.TICKER])
    await client.close()
    await client.register_interests(["KRW-B"], [DataType.TICKER])
    await eventually(lambda: [stream.name for stream in wire.streams] == ["KRW-B@ticker"])
    await client.close()


async def test_candles_are_read_by_their_interval(make: Make) -> None:
    def candle(interval: str, close: float) -> bytes:
        return (
            f'{{"type":"candle.{interval}","code":"KRW-A","candle_date_time_utc":"2026-11-20T03:00:00","candle_date_time_kst":"x",'
            f'"opening_price":1.0,"high_price":1.0,"low_price":1.0,"trade_price":{close},"candle_acc_trade_volume":1.0,'
            f'"candle_acc_trade_price":1.0,"timestamp":1,"stream_type":"REALTIME"}}'
        ).encode()

    wire = FakeWire("upbit")
    client = SimpleWebSocketClient("a", manager=make(wire))
    for interval in ("1m", "5m"):
        await client.register_interests(["KRW-A"], [DataType.CANDLE], interval=interval)
    await eventually(lambda: len(wire.streams) == 2)
    wire.push(candle("1m", 11.0))
    wire.push(candle("5m", 55.0))
    found = {interval: client.get_candle("KRW-A", interval) for interval in ("1m", "5m", "3m")}
    assert {interval: event.body.close for interval, event in found.items() if event is not None} == {"1m": 11, "5m": 55}
    newest = client.get_candle("KRW-A")
    assert newest is not None
    assert newest.body.close == 55
    await client.close()


# -- totals only grow, states are true at once, alerts come on time ----------------------------------------------------


async def test_totals_only_grow(make: Make) -> None:
    wire, widgets = FakeWire("binance"), [Widget() for _ in range(4)]
    manager = make(wire)
    for number, widget in enumerate(widgets):
        specs = [wish(f"S{number}USDT", "ALLUSDT", data_type=DataType.TRADE)]
        await manager.register_component(f"c{number}", widget, specs, widget.take, delivery=Delivery.INLINE)
    await eventually(lambda: len(wire.streams) == 5)
    before: dict[str, float] = {}

    def look() -> None:
        found = manager.get_performance_metrics()
        names = ("messages_processed", "events_delivered", "events_dropped", "callback_errors", "requests_sent", "stale_frames")
        figures = {name: getattr(found, name) for name in names}
        for metrics in manager.get_connection_metrics().values():
            for name in ("message_count", "bytes_received", "error_count", "reconnect_count", "requests_sent"):
                figures[f"{metrics.connection} {name}"] = getattr(metrics, name)
        for name, figure in figures.items():
            assert figure >= before.get(name, 0), name
        before.update(figures)

    for number in range(len(widgets)):
        wire.push(trade("ALLUSDT", number))
        wire.push(trade(f"S{number}USDT", number))
        wire.push(b"{}")
        look()
        await manager.unregister_component(f"c{number}")
        await asyncio.sleep(0.01)
        look()
    ghost = wire.cut()
    for take in ghost.values():
        take(1, trade("ALLUSDT", 99))
    look()
    assert before["messages_processed"] == 8
    assert wire.inlet is not None
    wire.inlet.gone(wire.name)
    look()
    for epoch in range(1, 80):
        wire.inlet.opening(f"other-{epoch}", 1, [])
        wire.inlet.gone(f"other-{epoch}")
    assert manager.get_performance_metrics().messages_processed == 8


async def test_a_lost_connection_is_not_connected_from_that_moment_on(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    await manager.register_component("a", widget, [wish("KRW-A")], widget.take, delivery=Delivery.INLINE)
    await eventually(lambda: wire.streams)
    name = wire.name
    assert manager.get_connection_metrics()[name].is_connected
    wire.cut()
    wire.up = True  # as a wire that has not noticed
    metrics = manager.get_connection_metrics()[name]
    assert (metrics.is_connected, metrics.health_score, str(metrics.state)) == (False, 0.0, "reconnecting")
    await eventually(lambda: manager.state is GlobalManagerState.DEGRADED)
    wire.connect()
    await eventually(lambda: manager.state is GlobalManagerState.ACTIVE)
    assert manager.get_connection_metrics()[name].is_connected


async def test_the_alert_of_a_lost_connection_comes_after_its_patience(make: Make) -> None:
    clock, told = ManualClock(), []
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire, clock=clock)
    manager.on_alert.append(lambda alert: told.append((alert.kind, alert.raised, clock.monotonic() - 1000)))
    await manager.register_component("a", widget, [wish("KRW-A")], widget.take)
    await eventually(lambda: wire.streams)
    wire.cut()
    for _ in range(15):
        manager.tick()
        clock.advance(1)
    assert told == [(AlertKind.CONNECTION_LOST, True, 10.0)]
    assert "1006" in manager.alerts.active()[0].text
    wire.connect()
    for _ in range(15):
        manager.tick()
        clock.advance(1)
    assert [each[1] for each in told] == [True, False]
    assert told[1][2] <= 26


async def test_a_venue_that_cannot_be_reached_is_told_to_those_who_want_it(make: Make) -> None:
    clock, alerts = ManualClock(), []
    wire, widget = FakeWire("upbit"), Widget()
    wire.hold = True
    manager = make(wire, clock=clock)
    manager.on_alert.append(alerts.append)
    await manager.register_component("a", widget, [wish("KRW-A")], widget.take, on_status=widget.on_status)
    await eventually(lambda: wire.streams)
    assert wire.inlet is not None
    for epoch, why in ((1, "refused"), (1, "refused"), (1, "HTTP 451: no"), (1, "HTTP 451: no")):
        wire.inlet.opening(wire.name, epoch, wire.streams)
        wire.inlet.closed(wire.name, epoch, LifeEnd(why))
    assert [(each.up, each.why) for each in widget.status if isinstance(each, EpochEvent)] == [(False, "refused"), (False, "HTTP 451: no")]
    assert manager.get_connection_metrics()[wire.name].failed_attempts == 4
    for _ in range(12):
        manager.tick()
        clock.advance(1)
    assert manager.state is GlobalManagerState.DEGRADED
    assert ["451" in alert.text for alert in alerts] == [True]


# -- misuse is told -----------------------------------------------------------------------------------------------------


async def test_two_readers_of_one_client_have_every_event(make: Make) -> None:
    wire = FakeWire("upbit")
    client = SimpleWebSocketClient("a", manager=make(wire))
    await client.register_interests(["KRW-A"], [DataType.TICKER])
    await eventually(lambda: wire.streams)
    one, two = client.events(), client.events()
    for price in (1, 2, 3):
        wire.push(ticker("KRW-A", price))
    assert [(await anext(one)).body.last for _ in range(3)] == [1, 2, 3]
    await two.aclose()
    wire.push(ticker("KRW-A", 4))
    assert (await anext(one)).body.last == 4
    with pytest.raises(StopAsyncIteration):
        await anext(two)
    waiting = asyncio.ensure_future(anext(one))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 60)


async def test_starting_twice_and_after_the_end_is_said(make: Make) -> None:
    manager = make(FakeWire("upbit"))
    with pytest.raises(ProtocolMisuse, match="it runs already"):
        manager.start()
    await manager.stop()
    with pytest.raises(ProtocolMisuse, match="get_instance"):
        manager.start()


def _in_a_thread(work: Callable[[], Any]) -> Any:
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as fault:  # noqa: BLE001  # handed on
            found.append(fault)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


async def test_another_thread_is_told_and_has_a_safe_way(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)

    def register() -> Any:
        return manager.register_component("a", widget, [wish("KRW-A")], widget.take)

    for work in (lambda: asyncio.run(register()), lambda: asyncio.run(manager.unregister_component("a"))):
        thread, found = _in_a_thread(work)
        await asyncio.to_thread(thread.join, 10)
        assert isinstance(found[0], ProtocolMisuse)
        assert "submit" in str(found[0])
    assert manager.subscriptions.streams == 0
    thread, found = _in_a_thread(lambda: manager.submit(register()).result(20))
    await eventually(lambda: not thread.is_alive())
    assert [stream.symbol for stream in found[0].streams] == ["KRW-A"]
    await eventually(lambda: wire.streams)


async def test_a_second_loop_does_not_get_a_second_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[GlobalWebSocketManager] = []

    async def opener(config: object) -> GlobalWebSocketManager:
        made.append(GlobalWebSocketManager([], {}))
        return made[-1]

    monkeypatch.setattr(GlobalWebSocketManager, "opener", staticmethod(opener))
    monkeypatch.setattr(GlobalWebSocketManager, "_instance", None)
    mine = await GlobalWebSocketManager.get_instance()
    for _ in range(2):
        thread, found = _in_a_thread(lambda: asyncio.run(GlobalWebSocketManager.get_instance()))
        await asyncio.to_thread(thread.join, 10)
        assert isinstance(found[0], ProtocolMisuse)
        assert "another event loop" in str(found[0])
        assert await GlobalWebSocketManager.get_instance() is mine
    assert made == [mine]
    await mine.stop()

    async def own() -> GlobalWebSocketManager:
        manager = await GlobalWebSocketManager.get_instance()
        await manager.stop()
        return manager

    thread, found = _in_a_thread(lambda: asyncio.run(own()))
    await asyncio.to_thread(thread.join, 10)
    assert found == [made[1]]


async def test_a_second_client_of_an_id_in_use_is_told(make: Make) -> None:
    wire = FakeWire("upbit")
    manager = make(wire)
    one, two = (SimpleWebSocketClient("gui", manager=manager) for _ in range(2))
    await one.register_interests(["KRW-A"], [DataType.TICKER])
    with pytest.raises(ArgumentError, match="client gui: client_id: found 'gui', expected an id that no other client has"):
        await two.register_interests(["KRW-B"], [DataType.TICKER])
    await two.close()
    await eventually(lambda: wire.streams)
    wire.push(ticker("KRW-A", 1))
    assert one.get_ticker("KRW-A") is not None
    await one.close()
    assert await two.register_interests(["KRW-B"], [DataType.TICKER])
    await two.close()


class KeylessWire(FakeWire):
    """Private streams without a key."""

    def missing_keys(self) -> str:
        return "set HOGA_X__API_KEY"


async def test_private_interests_without_a_key_are_not_called_good(make: Make) -> None:
    wire = KeylessWire("upbit", kind=WebSocketType.PRIVATE)
    manager = make(FakeWire("upbit"), wire)
    client = SimpleWebSocketClient("a", manager=manager)
    assert not await client.register_interests([], [DataType.MY_ASSET], venue="upbit")
    assert [error.hint for error in client.errors] == ["set HOGA_X__API_KEY"]
    assert wire.inlet is not None
    await eventually(lambda: wire.streams)
    for state in (PrivateState.NO_KEY, PrivateState.REJECTED, PrivateState.REJECTED):
        hint = "set HOGA_X__API_KEY" if state is PrivateState.NO_KEY else "allow it at the venue"
        wire.inlet.tell(PrivateStateEvent(venue="upbit", conn="c", state=state, epoch=0, at_ns=1, text="no", hint=hint))
    assert [error.hint for error in client.errors] == ["set HOGA_X__API_KEY", "allow it at the venue"]
    await client.close()


# -- modes mean what they say -------------------------------------------------------------------------------------------


def upbit_trade(number: int, stream_type: str) -> bytes:
    return (
        f'{{"type":"trade","code":"KRW-A","timestamp":{number},"trade_timestamp":{number},"trade_price":1.0,"trade_volume":1.0,'
        f'"ask_bid":"ASK","sequential_id":{number},"stream_type":"{stream_type}"}}'
    ).encode()


async def test_realtime_is_what_comes_and_both_begins_with_what_is_now(make: Make) -> None:
    wire, widgets = FakeWire("upbit"), {mode: Widget() for mode in Mode}
    manager = make(wire)
    for mode, widget in widgets.items():
        specs = [wish("KRW-A", data_type=DataType.TRADE, mode=mode)]
        await manager.register_component(mode, widget, specs, widget.take, delivery=Delivery.INLINE)
    await eventually(lambda: wire.streams)
    for number, stream_type in ((1, "SNAPSHOT"), (2, "REALTIME"), (3, "REALTIME")):
        wire.push(upbit_trade(number, stream_type))
    wire.cut()
    wire.connect()
    for number, stream_type in ((3, "SNAPSHOT"), (4, "REALTIME")):
        wire.push(upbit_trade(number, stream_type))
    told = {mode: [event.body.trade_id for event in widget.seen] for mode, widget in widgets.items()}
    assert told == {Mode.BOTH: [1, 2, 3, 4], Mode.REALTIME: [2, 3, 4], Mode.SNAPSHOT: [1]}
    assert [event.stream_type for event in widgets[Mode.BOTH].seen] == ["SNAPSHOT", "REALTIME", "REALTIME", "REALTIME"]
    await manager.register_component("realtime", widgets[Mode.REALTIME], [wish("KRW-A", data_type=DataType.TRADE)], print)
    assert manager.get_routing_statistics().by_consumer["realtime"].accepted == 3
