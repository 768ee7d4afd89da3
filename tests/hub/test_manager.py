"""The manager over wires made of lists: what is asked of the venue, what reaches whom, and who is let go."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from hoga.core.errors import ProtocolMisuse
from hoga.core.market import DataType
from hoga.hub.alerts import AlertKind
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, StatusEvent, SubscriptionErrorEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.port import LifeEnd
from hoga.hub.routing import Delivery
from hoga.hub.states import GlobalManagerState
from hoga.hub.subscriptions import Mode, SubscriptionSpec
from hoga.runtime.clock import ManualClock
from tests.hub.workbench import FakeWire, Make, ticker, trade
from tests.waiting import eventually


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.events: list[BaseWebSocketEvent] = []
        self.status: list[StatusEvent] = []

    def take(self, event: BaseWebSocketEvent) -> None:
        self.events.append(event)


def wish(*symbols: str, data_type: DataType = DataType.TICKER, mode: Mode = Mode.BOTH) -> SubscriptionSpec:
    return SubscriptionSpec(data_type, symbols, mode=mode)


async def turn(seconds: float = 0.01) -> None:
    await asyncio.sleep(seconds)


async def test_a_component_gets_what_it_asked_for_and_nothing_else(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    await manager.register_component("a", widget, [wish("KRW-A", "KRW-B")], widget.take, delivery=Delivery.INLINE)
    await turn()
    for symbol in ("KRW-A", "KRW-B", "KRW-C"):
        wire.push(ticker(symbol))
    assert [event.symbol for event in widget.events] == ["KRW-A", "KRW-B"]
    assert widget.events[0].epoch == 1
    assert widget.events[0].body.last == 1


async def test_a_hundred_components_within_a_second_are_a_handful_of_requests(make: Make) -> None:
    wire, widgets = FakeWire("upbit"), [Widget() for _ in range(100)]
    manager = make(wire, pace=Pace())
    for number, widget in enumerate(widgets):
        symbols = [f"KRW-S{number * 10 + each}" for each in range(10)]
        await manager.register_component(f"c{number}", widget, [wish(*symbols)], widget.take)
        await asyncio.sleep(0)
    await eventually(lambda: len(wire.streams) == 1_000)
    assert len(wire.wants) <= 3


async def test_five_components_within_half_a_second_are_one_request(make: Make) -> None:
    wire, widgets = FakeWire("upbit"), [Widget() for _ in range(5)]
    manager = make(wire, pace=Pace())
    for number, widget in enumerate(widgets):
        await manager.register_component(f"c{number}", widget, [wish(f"KRW-S{number}", "KRW-ALL")], widget.take)
        await asyncio.sleep(0)
    await eventually(lambda: wire.wants)
    assert [len(each) for each in wire.wants] == [6]


async def test_one_of_three_that_overlap_leaves(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    for name, symbols in (("a", ("KRW-A", "KRW-B")), ("b", ("KRW-B", "KRW-C")), ("c", ("KRW-C", "KRW-A"))):
        await manager.register_component(name, widget, [wish(*symbols)], widget.take, delivery=Delivery.INLINE)
    await turn()
    told = len(wire.wants)
    await manager.unregister_component("b")
    await manager.unregister_component("b")
    await turn()
    assert len(wire.wants) == told
    await manager.unregister_component("a")
    await turn()
    assert [stream.symbol for stream in wire.streams] == ["KRW-A", "KRW-C"]
    wire.push(ticker("KRW-A"))
    assert len(widget.events) == 1


async def test_a_snapshot_and_a_running_stream_of_one_symbol(make: Make) -> None:
    wire, live, once = FakeWire("upbit"), Widget(), Widget()
    manager = make(wire)
    await manager.register_component("live", live, [wish("KRW-A", mode=Mode.REALTIME)], live.take, delivery=Delivery.INLINE)
    await turn()
    wire.push(ticker("KRW-A", stamp=1))
    told = len(wire.wants)
    subscription = await manager.register_component("once", once, [wish("KRW-A", mode=Mode.SNAPSHOT)], once.take, delivery=Delivery.INLINE)
    wire.push(ticker("KRW-A", stamp=2))
    await turn()
    assert [event.event_ns for event in once.events] == [1_000_000]
    assert [event.event_ns for event in live.events] == [1_000_000, 2_000_000]
    assert subscription.streams == {}
    assert len(wire.wants) == told


async def test_a_snapshot_of_what_does_not_run_is_the_first_frame_and_then_nothing(make: Make) -> None:
    wire, once = FakeWire("upbit"), Widget()
    manager = make(wire)
    await manager.register_component("once", once, [wish("KRW-A", mode=Mode.SNAPSHOT)], once.take, delivery=Delivery.INLINE)
    await turn()
    wire.push(ticker("KRW-A", stamp=1))
    wire.push(ticker("KRW-A", stamp=2))
    await turn()
    assert len(once.events) == 1
    assert wire.streams == []


async def test_a_later_component_has_what_is_now_at_once(make: Make) -> None:
    wire, first, second = FakeWire("upbit"), Widget(), Widget()
    manager = make(wire)
    await manager.register_component("first", first, [wish("KRW-A")], first.take, delivery=Delivery.INLINE)
    await turn()
    wire.push(ticker("KRW-A"))
    await manager.register_component("second", second, [wish("KRW-A")], second.take, delivery=Delivery.INLINE)
    assert len(second.events) == 1
    wire.cut()
    third = Widget()
    await manager.register_component("third", third, [wish("KRW-A")], third.take, delivery=Delivery.INLINE)
    assert third.events == []


async def test_no_frame_of_a_dead_epoch_is_delivered_and_each_is_counted(make: Make) -> None:
    wire, widget = FakeWire("binance"), Widget()
    manager = make(wire)
    spec = [wish("BTCUSDT", data_type=DataType.TRADE)]
    await manager.register_component("a", widget, spec, widget.take, delivery=Delivery.INLINE, on_status=widget.status.append)
    await turn()
    wire.push(trade("BTCUSDT", 1, tag="1"))
    ghost = wire.cut()
    wire.connect()
    for number in range(2, 5):
        for take in ghost.values():
            take(1, trade("BTCUSDT", number, tag="1"))
        wire.push(trade("BTCUSDT", number, tag="2"))
    assert [event.payload.count(b'"1.01"') for event in widget.events] == [1, 0, 0, 0]
    assert [(event.epoch, event.up) for event in widget.status if isinstance(event, EpochEvent)] == [(1, True), (1, False), (2, True)]
    assert manager.get_performance_metrics().stale_frames == 3


async def test_a_frame_that_repeats_the_last_one_is_told_once_and_counted(make: Make) -> None:
    wire, widget = FakeWire("binance"), Widget()
    manager = make(wire)
    await manager.register_component("a", widget, [wish("BTCUSDT", data_type=DataType.TRADE)], widget.take, delivery=Delivery.INLINE)
    await turn()
    for number in (1, 1, 2, 2, 2, 3, 2):
        wire.push(trade("BTCUSDT", number))
    assert [event.body.trade_id for event in widget.events] == [1, 2, 3, 2]
    assert sum(door.duplicates for inlet in manager._inlets.values() for door in inlet.doors.values()) == 3


async def test_a_life_that_begins_with_what_the_last_one_ended_with_is_not_told_twice(make: Make) -> None:
    wire, widget = FakeWire("binance"), Widget()
    manager = make(wire)
    await manager.register_component("a", widget, [wish("BTCUSDT", data_type=DataType.TRADE)], widget.take, delivery=Delivery.INLINE)
    await turn()
    wire.push(trade("BTCUSDT", 7))
    wire.cut()
    wire.connect()
    wire.push(trade("BTCUSDT", 7))
    wire.push(trade("BTCUSDT", 8))
    assert [event.body.trade_id for event in widget.events] == [7, 8]


async def test_while_two_lives_hand_over_each_frame_is_told_once(make: Make) -> None:
    wire, widget = FakeWire("binance"), Widget()
    manager = make(wire)
    await manager.register_component("a", widget, [wish("BTCUSDT", data_type=DataType.TRADE)], widget.take, delivery=Delivery.INLINE)
    await turn()
    wire.push(trade("BTCUSDT", 1))
    old, old_epoch = wire.table, wire.epoch
    wire.connect()
    for number, tables in ((2, (old, wire.table)), (3, (wire.table, old)), (4, (wire.table,)), (5, (old, wire.table)), (4, (old,))):
        for table in tables:
            for take in table.values():
                take(1, trade("BTCUSDT", number))
    assert wire.inlet is not None
    wire.inlet.closed(wire.name, old_epoch, LifeEnd("rolled over"))
    wire.push(trade("BTCUSDT", 6))
    assert [event.body.trade_id for event in widget.events] == [1, 2, 3, 4, 5, 6]


async def test_a_collected_component_leaves_by_itself(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    gone = weakref.ref(widget)
    await manager.register_component("a", widget, [wish("KRW-A")], widget.take)
    await turn()
    del widget
    gc.collect()
    await turn()
    assert gone() is None
    assert wire.streams == []
    assert manager.get_performance_metrics().total_components == 0


async def test_a_component_that_is_let_go_inside_its_own_callback(make: Make) -> None:
    wire = FakeWire("upbit")
    manager = make(wire)
    holder: list[Widget] = []
    done = threading.Event()

    class Suicidal(Widget):
        def take(self, event: BaseWebSocketEvent) -> None:
            holder.clear()
            done.set()

    holder.append(Suicidal())
    await manager.register_component("a", holder[0], [wish("KRW-A")], holder[0].take)
    await turn()
    wire.push(ticker("KRW-A"))
    await asyncio.to_thread(done.wait, 60)
    for _ in range(20):
        await turn()
        gc.collect()
    assert wire.streams == []


async def test_an_id_that_registers_again_has_its_new_wishes_only(make: Make) -> None:
    wire, old, new = FakeWire("upbit"), Widget(), Widget()
    manager = make(wire)
    before = await manager.register_component("a", new, [wish("KRW-A", "KRW-B")], old.take, delivery=Delivery.INLINE)
    await manager.register_component("a", new, [wish("KRW-B", "KRW-C")], new.take, delivery=Delivery.INLINE)
    await turn()
    for symbol in ("KRW-A", "KRW-B", "KRW-C"):
        wire.push(ticker(symbol))
    assert not before.active
    assert old.events == []
    assert [event.symbol for event in new.events] == ["KRW-B", "KRW-C"]
    del old
    gc.collect()
    await turn()
    assert len(wire.streams) == 2


async def test_an_unknown_symbol_is_told_to_who_asked_and_the_rest_is_served(make: Make) -> None:
    clock = ManualClock()
    wire, widget, other = FakeWire("upbit", symbols={"KRW-A": "TRADING"}), Widget(), Widget()
    manager = make(wire, clock=clock)
    subscription = await manager.register_component(
        "a", widget, [wish("KRW-A", "KRW-NOPE")], widget.take, delivery=Delivery.INLINE, on_status=widget.status.append
    )
    await manager.register_component("b", other, [wish("KRW-A")], other.take, delivery=Delivery.INLINE, on_status=other.status.append)
    await turn(0.05)
    clock.advance(9)
    manager.tick()
    await turn()
    assert [error.symbols for error in subscription.errors] == [("KRW-NOPE",)]
    assert [event.error.symbols for event in widget.status if isinstance(event, SubscriptionErrorEvent)] == [("KRW-NOPE",)]
    assert not [event for event in other.status if isinstance(event, SubscriptionErrorEvent)]
    assert [stream.symbol for stream in wire.streams] == ["KRW-A"]


async def test_a_silent_symbol_of_a_venue_that_cannot_be_asked_is_told_and_kept(make: Make) -> None:
    clock = ManualClock()
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire, clock=clock)
    subscription = await manager.register_component("a", widget, [wish("KRW-NOPE")], widget.take)
    await turn(0.05)
    clock.advance(9)
    manager.tick()
    manager.tick()
    assert ["within 8 s" in error.why for error in subscription.errors] == [True]
    assert len(wire.streams) == 1


async def test_trouble_of_one_kind_leaves_the_other_alone(make: Make) -> None:
    upbit, binance, widget = FakeWire("upbit"), FakeWire("binance"), Widget()
    manager = make(upbit, binance)
    await manager.register_component(
        "a", widget, [wish("KRW-A"), wish("BTCUSDT", data_type=DataType.TRADE)], widget.take, delivery=Delivery.INLINE
    )
    await turn()
    upbit.cut()
    manager.check_health()
    assert manager.state is GlobalManagerState.DEGRADED
    binance.push(trade("BTCUSDT", 1))
    assert len(widget.events) == 1
    metrics = manager.get_connection_metrics()
    assert metrics["upbit-public"].health_score == 0.0
    assert metrics["binance-public"].is_connected
    upbit.connect()
    manager.check_health()
    assert manager.state is GlobalManagerState.ACTIVE


async def test_a_lost_connection_is_an_alert_after_a_while_and_ends(make: Make) -> None:
    clock, told = ManualClock(), []
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire, clock=clock)
    manager.on_alert.append(told.append)
    manager.on_alert.append(lambda alert: 1 / 0)
    await manager.register_component("a", widget, [wish("KRW-A")], widget.take)
    await turn()
    wire.cut()
    for _ in range(2):
        manager.check_health()
        clock.advance(30)
    wire.connect()
    for _ in range(2):
        manager.check_health()
        clock.advance(30)
    assert [(alert.kind, alert.raised) for alert in told] == [("connection-lost", True), ("connection-lost", False)]


async def test_after_the_end_nothing_can_be_asked_for(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    await manager.register_component("a", widget, [wish("KRW-A")], widget.take)
    await manager.stop()
    await manager.stop()
    assert wire.stopped
    assert manager.state is GlobalManagerState.STOPPED
    with pytest.raises(ProtocolMisuse):
        await manager.register_component("b", widget, [wish("KRW-A")], widget.take)


async def test_no_private_stream_without_a_private_connection(make: Make) -> None:
    widget, clock = Widget(), ManualClock()
    manager = make(FakeWire("upbit"), clock=clock)
    subscription = await manager.register_component("a", widget, [wish("KRW-A", data_type=DataType.MY_ORDER)], widget.take)
    clock.advance(9.0)
    manager.tick()
    assert [error.why for error in subscription.errors] == ["no connection for streams of this kind"]
    assert not subscription.streams


async def test_cycles_of_registering_leave_nothing_behind(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    tasks = len(asyncio.all_tasks())
    for number in range(2_000):
        await manager.register_component(f"c{number % 7}", widget, [wish(f"KRW-S{number % 50}", "KRW-ALL")], widget.take)
        if number % 3:
            await manager.unregister_component(f"c{number % 7}")
        if not number % 100:
            await turn(0)
    for number in range(7):
        await manager.unregister_component(f"c{number}")
    await turn()
    stats = manager.get_routing_statistics()
    assert (stats.routes, stats.consumers, manager.subscriptions.streams) == (0, 0, 0)
    assert len(asyncio.all_tasks()) == tasks
    assert wire.streams == []


async def test_the_pull_client(make: Make) -> None:
    wire = FakeWire("upbit")
    manager = make(wire)
    async with SimpleWebSocketClient("gui", manager=manager) as client:
        assert await client.register_interests(["KRW-A", "KRW-B"], [DataType.TICKER], history=2)
        await turn()
        assert client.get_ticker("KRW-A") is None
        for price in (1, 2, 3):
            wire.push(ticker("KRW-A", price, stamp=price))
        latest = client.get_ticker("KRW-A")
        assert latest is not None
        assert latest.trade_price == 3
        assert client.get_ticker("upbit:KRW-A") is latest
        assert set(client.get_multiple_tickers(["KRW-A", "KRW-B"])) == {"KRW-A"}
        assert [event.body.last for event in client.get_history("KRW-A", DataType.TICKER)] == [2, 3]
        events = client.events()
        waiting = asyncio.ensure_future(anext(events))
        await turn()
        wire.push(ticker("KRW-B", 9))
        assert (await waiting).symbol == "KRW-B"
        await events.aclose()
    await turn()
    assert (manager.pool.size, wire.streams) == (0, [])
    assert client.get_ticker("KRW-A") is None


async def test_without_an_opener_there_is_no_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GlobalWebSocketManager, "opener", None)
    monkeypatch.setattr(GlobalWebSocketManager, "_instance", None)
    with pytest.raises(ProtocolMisuse, match="no connections"):
        await GlobalWebSocketManager.get_instance()


async def test_one_instance_for_all_who_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    async def opener(config: object) -> GlobalWebSocketManager:
        await asyncio.sleep(0.01)
        made.append(GlobalWebSocketManager([], {}))
        return made[-1]

    monkeypatch.setattr(GlobalWebSocketManager, "opener", staticmethod(opener))
    monkeypatch.setattr(GlobalWebSocketManager, "meaning", None)
    monkeypatch.setattr(GlobalWebSocketManager, "_instance", None)
    found = await asyncio.gather(*(GlobalWebSocketManager.get_instance() for _ in range(10)))
    assert len(made) == 1
    assert set(map(id, found)) == {id(made[0])}
    with pytest.raises(ProtocolMisuse, match="configured already"):
        await GlobalWebSocketManager.get_instance("other.conf")
    await made[0].stop()
    again = await GlobalWebSocketManager.get_instance()
    assert again is not made[0]
    await again.stop()


async def test_an_alert_may_be_observed_without_a_word(make: Make) -> None:
    manager = make(FakeWire("upbit"))
    manager.observe(AlertKind.GAP, "upbit:KRW-A", bad=True, text="")
    manager.observe(AlertKind.GAP, "upbit:KRW-A", bad=False, text="")
    assert manager.alerts.active() == []


async def test_a_stopped_manager_leaves_nothing_running_on_its_loop(make: Make) -> None:
    """What its components leave behind at the end is told to nobody: no timer goes on for that."""

    class Counted(Pace):
        asked = 0

        def due(self, now: float) -> float | None:
            self.asked += 1
            return super().due(now)

    pace, widget = Counted(quiet_s=0.0, longest_s=0.0), Widget()
    manager = make(FakeWire("upbit"), pace=pace)
    await manager.register_component("a", widget, [wish("KRW-A")], widget.take)
    await turn()
    await manager.stop()
    asked = pace.asked
    await asyncio.sleep(0.05)
    assert pace.asked == asked


async def test_one_who_gives_up_waiting_for_the_manager_takes_it_from_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    async def opener(config: object) -> GlobalWebSocketManager:
        asked.append(config)
        await asyncio.sleep(0 if len(asked) > 1 else 3600)
        return GlobalWebSocketManager([], {}, config=config)

    monkeypatch.setattr(GlobalWebSocketManager, "opener", staticmethod(opener))
    monkeypatch.setattr(GlobalWebSocketManager, "_instance", None)
    first = asyncio.create_task(GlobalWebSocketManager.get_instance())
    await asyncio.sleep(0)
    others = [asyncio.create_task(GlobalWebSocketManager.get_instance()) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    found = await asyncio.gather(*others)
    assert first.cancelled()
    assert len(asked) == 2
    assert found == [GlobalWebSocketManager.running()] * 3
    await found[0].stop()
