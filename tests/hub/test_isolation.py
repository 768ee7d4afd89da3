"""One consumer's faults are its own: nobody else notices, not the socket and not the loop."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio

from hoga.core.market import DataType
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.events import BaseWebSocketEvent, StatusEvent, SubscriptionErrorEvent
from hoga.hub.mailbox import Overflow
from hoga.hub.routing import Consumer, DataRoutingEngine, Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.hub.turns import Turns
from tests.hub.test_routing import event
from tests.hub.workbench import FakeWire, Make, ticker, trade
from tests.waiting import LONG_S, eventually


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[DataRoutingEngine]:
    made = DataRoutingEngine()
    yield made
    made.close()


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.seen: list[BaseWebSocketEvent] = []
        self.status: list[StatusEvent] = []

    def take(self, event: BaseWebSocketEvent) -> None:
        self.seen.append(event)

    def on_status(self, event: StatusEvent) -> None:
        self.status.append(event)


def wish(*symbols: str) -> list[SubscriptionSpec]:
    return [SubscriptionSpec(DataType.TICKER, symbols or ("KRW-A",))]


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_consumer_that_cannot_be_put_to_is_let_go_and_nobody_else_notices(
    make: Make, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    wire, widgets = FakeWire("upbit"), [Widget() for _ in range(3)]
    manager = make(wire)
    for number, widget in enumerate(widgets):
        await manager.register_component(f"c{number}", widget, wish(), widget.take, delivery=Delivery.INLINE, on_status=widget.on_status)
    await eventually(lambda: wire.streams)
    broken = manager.engine.consumer(f"c{place}")
    assert broken is not None
    broken.box.limit = "x"  # type: ignore[assignment]

    def put(event: BaseWebSocketEvent) -> None:
        raise TypeError("'>' not supported")

    manager.engine.route(next(iter(broken.routes))).add(f"c{place}", put)
    with caplog.at_level(logging.ERROR):
        for number in range(3):
            wire.push(ticker("KRW-A", number))
    assert [len(widget.seen) for widget in widgets] == [0 if number == place else 3 for number in range(3)]
    assert [record.message.startswith("a consumer cannot be delivered to, it is let go") for record in caplog.records] == [True]
    assert caplog.records[0].__dict__["hoga_fields"]["component"] == f"c{place}"
    stats = manager.get_routing_statistics()
    assert (stats.consumers, stats.errors) == (2, 1)
    told = [each.error.why for each in widgets[place].status if isinstance(each, SubscriptionErrorEvent)]
    assert told == ["let go: TypeError: '>' not supported"]
    assert manager.get_performance_metrics().total_components == 2


def _sys_exit(each: object) -> None:
    raise SystemExit(3)


def _cancelled(each: object) -> None:
    raise asyncio.CancelledError


def _generator_exit(each: object) -> None:
    raise GeneratorExit


def _our_bug(each: object) -> None:
    raise AssertionError("no")


async def _async(kind: Callable[[object], None], each: object) -> None:
    kind(each)


@pytest.mark.parametrize("delivery", [Delivery.THREAD, Delivery.LOOP, Delivery.INLINE])
@pytest.mark.parametrize("kind", [_sys_exit, _cancelled, _generator_exit, _our_bug])
async def test_whatever_a_callback_raises_it_goes_on_with_the_next_event(
    engine: DataRoutingEngine, delivery: Delivery, kind: Callable[[object], None]
) -> None:
    seen: list[object] = []

    def moody(each: object) -> None:
        seen.append(each)
        kind(each)

    engine.add_consumer("moody", moody, delivery=delivery)
    engine.add_consumer("fine", seen.append, delivery=delivery)
    for name in ("moody", "fine"):
        engine.set_routes(name, [event().stream])
    for _ in range(5):
        engine.route_event(event())
    await eventually(lambda: len(seen) == 10)
    await eventually(lambda: engine.get_routing_statistics().errors == 5)


async def test_a_callback_that_waits_for_something_cancelled_goes_on(engine: DataRoutingEngine) -> None:
    seen = []

    async def moody(each: object) -> None:
        seen.append(each)
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    engine.add_consumer("moody", moody)
    engine.set_routes("moody", [event().stream])
    for _ in range(5):
        engine.route_event(event())
        await asyncio.sleep(0)
    await eventually(lambda: len(seen) == 5)
    assert engine.get_routing_statistics().errors == 5


async def test_an_async_callback_that_makes_its_own_component_leave_is_not_cut_short(make: Make) -> None:
    wire, widget, done = FakeWire("upbit"), Widget(), []
    manager = make(wire)

    async def once(event: BaseWebSocketEvent) -> None:
        await manager.unregister_component("a")
        await asyncio.sleep(0)
        done.append(event)

    await manager.register_component("a", widget, wish(), once)
    await eventually(lambda: wire.streams)
    wire.push(ticker("KRW-A", 1))
    wire.push(ticker("KRW-A", 2))
    await eventually(lambda: done)
    assert len(done) == 1


async def test_a_status_callback_may_be_async_and_may_fail(make: Make) -> None:
    wire, widget, told = FakeWire("upbit"), Widget(), []
    manager = make(wire)

    async def on_status(event: StatusEvent) -> None:
        told.append(event)
        raise RuntimeError("no")

    await manager.register_component("a", widget, wish(), widget.take, delivery=Delivery.INLINE, on_status=on_status)
    await eventually(lambda: wire.streams and told)
    wire.push(ticker("KRW-A", 1))
    assert len(widget.seen) == 1


class Heart:
    """Beats beside what is tested: the longest the loop stood still, less what this machine takes away by itself."""

    def __init__(self) -> None:
        self.beats = 0
        self.longest = 0.0
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        at, cpu = time.monotonic(), time.process_time()
        while True:
            await asyncio.sleep(0)
            now, spent = time.monotonic(), time.process_time()
            self.longest = max(self.longest, min(now - at, spent - cpu))
            self.beats += 1
            at, cpu = now, spent

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize("consumers", [1, 20])
@pytest.mark.parametrize("delivery", [Delivery.AUTO, Delivery.LOOP])
async def test_callbacks_that_compute_hold_the_loop_for_one_event_never_for_a_batch(
    engine: DataRoutingEngine, delivery: Delivery, consumers: int
) -> None:
    seen: list[object] = []

    async def slow(each: object) -> None:
        compute(0.01)
        seen.append(each)

    def plain(each: object) -> None:
        compute(0.01)
        seen.append(each)

    for number in range(consumers):
        engine.add_consumer(f"c{number}", slow if delivery is Delivery.AUTO else plain, delivery=delivery)
        engine.set_routes(f"c{number}", [event().stream])
    heart = Heart()
    await asyncio.sleep(0)
    for number in range(40 // consumers):
        engine.route_event(event(number=number))
    await eventually(lambda: len(seen) == 40)
    await heart.stop()
    assert heart.longest < 0.05
    assert heart.beats >= 40


async def test_turns_are_fair_and_quick_consumers_share_one() -> None:
    turns = Turns(asyncio.get_running_loop())
    order: list[str] = []

    async def heavy(name: str) -> None:
        for number in range(4):
            if turns.spent():
                await turns.next()
            compute(0.006)
            order.append(f"{name}{number}")

    await asyncio.gather(*(heavy(name) for name in "abc"))
    assert [sum(1 for each in order[1:7] if each.startswith(name)) for name in "abc"] == [2, 2, 2]
    loops = 0

    async def light() -> None:
        for _ in range(50):
            if turns.spent():
                await turns.next()

    async def count() -> None:
        nonlocal loops
        while True:
            loops += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    await asyncio.gather(*(light() for _ in range(200)))
    counter.cancel()
    assert loops < 100


async def _read(client: SimpleWebSocketClient, seen: list[object]) -> None:
    async for each in client.events():
        seen.append(each)
        compute(0.004)


async def test_a_reader_of_events_that_computes_lets_the_loop_have_its_turns(make: Make) -> None:
    wire, seen = FakeWire("upbit"), []
    client = SimpleWebSocketClient("a", manager=make(wire))
    await client.register_interests(["KRW-A"], [DataType.TICKER])
    await eventually(lambda: wire.streams)
    task = asyncio.create_task(_read(client, seen))
    await asyncio.sleep(0)
    for number in range(60):
        wire.push(ticker("KRW-A", number))
    heart = Heart()
    await eventually(lambda: len(seen) == 60)
    await heart.stop()
    assert heart.longest < 0.05
    await client.close()
    await asyncio.wait_for(task, 60)


async def test_a_courier_outlives_an_errand_that_fails(engine: DataRoutingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, done = [], threading.Event()
    consumer = engine.add_consumer("broken", lambda each: None)
    engine.add_consumer("fine", seen.append)
    for name in ("broken", "fine"):
        engine.set_routes(name, [event().stream])

    def sample(of: Consumer, each: BaseWebSocketEvent) -> None:
        if of is consumer:
            done.set()
            raise ValueError("not from the callback")

    monkeypatch.setattr(Consumer, "_sample", sample)
    engine.route_event(event())
    await eventually(done.is_set)
    await eventually(lambda: engine.consumer("broken") is None)
    engine.route_event(event())
    await eventually(lambda: len(seen) == 2)
    assert engine.get_routing_statistics().errors == 1


Step = Callable[[Any], Coroutine[Any, Any, None]]


@pytest.mark.parametrize("overflow", list(Overflow))
@pytest.mark.parametrize("delivery", [Delivery.THREAD, Delivery.LOOP])
async def test_a_consumer_that_is_renewed_keeps_what_waits(engine: DataRoutingEngine, delivery: Delivery, overflow: Overflow) -> None:
    """Of streams that stay; in order, none twice, to the new callback; figures go on."""
    gate, old, new = threading.Event(), [], []
    streams = [event(symbol).stream for symbol in ("KRW-A", "KRW-B")]

    def slow(each: BaseWebSocketEvent) -> None:
        old.append(each.payload)
        gate.wait(10)

    def start() -> None:
        engine.add_consumer("a", slow, overflow=Overflow.DROP_OLDEST, delivery=Delivery.THREAD)
        engine.set_routes("a", streams)

    start()
    engine.route_event(event("KRW-A", 0))
    await eventually(lambda: old)
    for number in range(1, 4):
        engine.route_event(event("KRW-A", number))
        engine.route_event(event("KRW-B", number))
    engine.add_consumer(
        "a", lambda each: new.append(each.payload), overflow=overflow, delivery=delivery, interval_s=0.001, streams=streams[:1]
    )
    engine.route_event(event("KRW-A", 4))
    gate.set()
    newest = overflow in (Overflow.CONFLATE, Overflow.THROTTLE)
    await eventually(lambda: new and new[-1] == b"4")
    assert old == [b"0"]
    assert new == [b"4"] if newest else [b"1", b"2", b"3", b"4"]
    stats = engine.get_routing_statistics().by_consumer["a"]
    assert (stats.accepted, stats.delivered, stats.dropped) == ((8, 2, 3) if newest else (8, 5, 0))


@pytest.mark.overtime
async def test_the_cost_of_first_calls_is_not_told_as_that_of_a_slow_consumer(
    engine: DataRoutingEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1_000.0]
    monkeypatch.setattr("hoga.hub.consumers.monotonic", lambda: now[0])

    def slow(each: BaseWebSocketEvent) -> None:
        now[0] += 0.05

    def told() -> int:
        return sum("holds the socket up" in each.getMessage() for each in caplog.records)

    engine.add_consumer("a", slow, delivery=Delivery.INLINE)
    engine.set_routes("a", [event("KRW-A").stream])
    engine.route_event(event("KRW-A", 0))
    assert now == [1_000.05]
    assert told() == 0
    for number in (1, 2):
        await asyncio.sleep(0.01)
        now[0] += 4
        engine.route_event(event("KRW-A", number))
        assert told() == 1, "later it is, once"
    assert engine.get_routing_statistics().by_consumer["a"].slow


@pytest.mark.overtime
async def test_a_slow_inline_callback_leaves_the_loop_its_turns(make: Make) -> None:
    """Frames of one read are handed over in one turn of the loop: after one slow call the rest waits, in order."""
    wire, seen, turns = FakeWire("binance"), [], []
    manager = make(wire)

    class Owner:
        def take(self, event: Any) -> None:
            time.sleep(0.01)
            seen.append(event.body.trade_id)

    owner = Owner()
    wishes = [SubscriptionSpec(DataType.TRADE, ["BTCUSDT"])]
    await manager.register_component("slow", owner, wishes, owner.take, delivery=Delivery.INLINE)
    await eventually(lambda: wire.streams)

    async def beat() -> None:
        while len(seen) < 40:
            turns.append(len(seen))
            await asyncio.sleep(0)

    for number in range(40):
        wire.push(trade("BTCUSDT", number))
    assert seen == [0]
    await asyncio.wait_for(beat(), LONG_S)
    assert seen == list(range(40))
    assert len(set(turns)) > 20, "the loop had turns in between"
    await eventually(lambda: not manager.engine.consumer("slow")._overtime)  # type: ignore[union-attr]
    wire.push(trade("BTCUSDT", 40))
    assert seen[-1] == 40, "at once again"
    stats = manager.get_routing_statistics().by_consumer["slow"]
    assert (stats.accepted, stats.delivered, stats.dropped, stats.slow) == (41, 41, 0, True)


@pytest.mark.overtime
async def test_leaving_comes_through_beside_a_slow_inline_callback(make: Make) -> None:
    wire, seen = FakeWire("binance"), []
    manager = make(wire)

    class Owner:
        def take(self, event: Any) -> None:
            time.sleep(0.05)
            seen.append(event)

    owner = Owner()
    wishes = [SubscriptionSpec(DataType.TRADE, ["BTCUSDT"])]
    await manager.register_component("slow", owner, wishes, owner.take, delivery=Delivery.INLINE)
    await eventually(lambda: wire.streams)
    for number in range(1000):
        wire.push(trade("BTCUSDT", number))
    await asyncio.to_thread(lambda: manager.submit(manager.unregister_component("slow")).result(20))
    assert len(seen) < 10


@pytest.mark.parametrize("delivery", [Delivery.LOOP, Delivery.INLINE, Delivery.THREAD])
async def test_a_keyboard_interrupt_that_a_callback_raises_is_its_own(make: Make, delivery: Delivery) -> None:
    wire = FakeWire("upbit")
    manager = make(wire)

    class Owner:
        def take(self, event: Any) -> None:
            raise KeyboardInterrupt

        def on_status(self, event: Any) -> None:
            raise KeyboardInterrupt

    owner = Owner()
    wishes = [SubscriptionSpec(DataType.TICKER, ["KRW-A"])]
    await manager.register_component("a", owner, wishes, owner.take, delivery=delivery, on_status=owner.on_status)
    await eventually(lambda: wire.streams)
    for number in range(3):
        wire.push(ticker("KRW-A", number + 1))
    await eventually(lambda: manager.get_routing_statistics().by_consumer["a"].errors == 3)


@pytest.mark.parametrize("again", [False, True], ids=["default", "asyncio's"])
def test_ctrl_c_in_a_callback_ends_the_program(again: bool) -> None:
    program = """
import asyncio, os, signal, sys, threading, time
from hoga.hub.consumers import pass_on_ctrl_c

def interrupted():
    def kill():
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=kill).start()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        pass

async def main():
    if sys.argv[1] == "True":
        os.kill(os.getpid(), signal.SIGINT)     # the first only cancels the main task
    else:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupted()
    except KeyboardInterrupt as fault:
        pass_on_ctrl_c(fault)
        print("contained")

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("ended")
"""
    done = subprocess.run([sys.executable, "-c", program, str(again)], capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout == "ended\n", done.stderr
