"""The public bus: who is slow holds up nobody else, order is kept, what is lost is counted, and an end hands out what waits."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, NamedTuple

import pytest

import hoga
from hoga.hub.event_bus import EventBus
from hoga.trading.bus import MARKS
from tests.waiting import eventually


class Tick(NamedTuple):
    """Some event."""

    number: int


class Hold:
    """A plain handler that waits until it is let go."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.go = threading.Event()
        self.threads: set[int] = set()

    def __call__(self, event: Any) -> None:
        self.threads.add(threading.get_ident())
        assert self.go.wait(30)
        self.seen.append(event)


def test_the_public_name_is_it() -> None:
    assert hoga.EventBus is EventBus


async def test_a_plain_handler_that_sleeps_delays_no_order_event() -> None:
    """A second of sleep on data, and a thousand orders meanwhile, inline and in a task."""
    done = threading.Event()

    def slow(event: Any) -> None:
        time.sleep(1.0)
        done.set()

    late: list[float] = []
    heard: list[int] = []

    async def book(event: Any) -> None:
        heard.append(event["number"])

    async with EventBus() as bus:
        bus.subscribe("tick", slow)
        bus.subscribe("fill", lambda event: late.append(time.perf_counter() - event["at"]), inline=True)
        bus.subscribe("fill", book)
        bus.publish({"kind": "tick"})
        await eventually(lambda: not bus.stats().handlers[0].waiting)
        for number in range(1000):
            bus.publish({"kind": "fill", "number": number, "at": time.perf_counter()}, queue="order")
            if number % 20 == 0:
                await asyncio.sleep(0)
        await eventually(lambda: len(heard) == 1000)
        assert not done.is_set(), "it slept all the while"
        assert sorted(late)[990] < 0.05
    assert heard == list(range(1000))
    assert done.is_set(), "the end waited for it"


async def test_each_handler_has_its_events_in_order_and_in_one_thread() -> None:
    plain, inline, task = Hold(), [], []
    plain.go.set()

    async def take(event: Tick) -> None:
        await asyncio.sleep(0)
        task.append(event)

    async with EventBus() as bus:
        bus.subscribe(Tick, plain)
        bus.subscribe(Tick, inline.append, inline=True)
        bus.subscribe(Tick, take)
        for number in range(300):
            assert bus.publish(Tick(number))
    wanted = [Tick(number) for number in range(300)]
    assert plain.seen == inline == task == wanted
    assert plain.threads.isdisjoint({threading.get_ident()})
    assert len(plain.threads) == 1


async def test_a_full_ring_drops_the_oldest_data_and_counts_it_and_never_an_order() -> None:
    slow = Hold()
    async with EventBus() as bus:
        bus.subscribe("*", slow)
        bus.publish(Tick(-1))
        await eventually(lambda: len(slow.threads) == 1)
        for number in range(MARKS["data"] + 200):
            bus.publish(Tick(number))
            if number % 4 == 0:
                bus.publish(("order", number), queue="order")
        stats = bus.stats()
        assert stats.data.size == stats.data.limit == stats.data.high_mark == stats["data"]["size"] == 1000
        assert (stats.data.published, stats.data.dropped) == (1201, 200)
        assert (stats["order"].size, stats["order"].dropped, stats["order"].limit, stats["order"].alarms) == (300, 0, 50, 1)
        assert (stats.handlers[0].waiting, stats.handlers[0].dropped) == (1300, 200)
        slow.go.set()
    ticks = [each.number for each in slow.seen if isinstance(each, Tick)]
    assert ticks == [-1, *range(200, 1200)]
    assert [each[1] for each in slow.seen if not isinstance(each, Tick)] == list(range(0, 1200, 4))
    assert bus.stats().order.size == 0


async def test_one_that_raises_is_counted_and_told_and_the_others_go_on() -> None:
    told: list[tuple[str, Any, str]] = []
    seen: list[Any] = []

    def bad(event: Any) -> None:
        raise LookupError(f"no {event}")

    async def worse(event: Any) -> None:
        raise SystemExit("no")

    bus = EventBus(on_fault=lambda whose, event, fault: told.append((whose.mode, event, type(fault).__name__)))
    await bus.start()
    for handler, inline in ((bad, True), (bad, False), (worse, False), (seen.append, True)):
        bus.subscribe("*", handler, inline=inline)
    bus.publish(1)
    bus.publish(2)
    assert await bus.shutdown()
    assert seen == [1, 2]
    assert sorted(told) == sorted(
        (mode, event, name)
        for event in (1, 2)
        for mode, name in (("inline", "LookupError"), ("thread", "LookupError"), ("task", "SystemExit"))
    )
    stats = bus.stats()
    assert stats.faults == 6
    assert [each.faults for each in stats.handlers] == [2, 2, 2, 0]
    assert [each.handled for each in stats.handlers] == [2, 2, 2, 2]


class Base:
    """A class of events."""

    kind = "own"


class Special(Base):
    """One below it."""


@pytest.mark.parametrize(
    ("kind", "heard"),
    [
        (Base, ["base", "special"]),
        ("Base", ["base", "special"]),
        (Special, ["special"]),
        ("own", ["base", "special"]),
        ("tick", ["map"]),
        ("order", ["special"]),
        ("*", ["base", "special", "map", "text"]),
        (str, ["text"]),
        ("nothing", []),
    ],
)
async def test_a_kind_is_a_class_what_the_event_says_of_itself_or_its_queue(kind: Any, heard: list[str]) -> None:
    names = {"base": (Base(), "data"), "special": (Special(), "order"), "map": ({"kind": "tick"}, "data"), "text": ("text", "signal")}
    seen: list[Any] = []
    async with EventBus() as bus:
        bus.subscribe(kind, seen.append, inline=True)
        for event, queue in names.values():
            bus.publish(event, queue=queue)  # type: ignore[arg-type]  # of a table
    assert seen == [names[each][0] for each in heard]


async def test_what_is_published_before_the_start_and_from_other_threads_comes_too() -> None:
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append, inline=True)
    for number in range(3):
        bus.publish(number)
    assert bus.stats().data.size == 3
    await bus.start()
    await bus.start()
    worker = threading.Thread(target=lambda: [bus.publish(number, queue="order") for number in range(3, 50)])
    worker.start()
    await asyncio.to_thread(worker.join)
    assert await bus.shutdown()
    assert seen == list(range(50))
    assert bus.publish(5) is False
    assert bus.stats().data.dropped == 1
    with pytest.raises(RuntimeError, match="has ended"):
        await bus.start()


async def test_an_end_has_its_deadline_and_says_so() -> None:
    stuck = Hold()
    bus = EventBus()
    await bus.start()
    bus.subscribe("*", stuck)
    for number in range(5):
        bus.publish(number)
    assert await bus.shutdown(timeout=0.05) is False
    assert bus.stats().data.dropped in (4, 5)
    stuck.go.set()
    await eventually(lambda: len(stuck.seen) <= 1)


async def test_stop_hands_out_nothing_more() -> None:
    held = Hold()
    bus = EventBus()
    await bus.start()
    bus.subscribe("*", held)
    bus.publish(1)
    await eventually(lambda: len(held.threads) == 1)
    bus.publish(2)
    await bus.stop()
    held.go.set()
    await eventually(lambda: held.seen == [1])
    assert bus.stats().data.dropped == 1


async def test_who_leaves_is_handed_no_more() -> None:
    seen: list[int] = []
    async with EventBus() as bus:
        leave = bus.subscribe(int, seen.append, inline=True)
        bus.publish(1)
        leave()
        leave()
        bus.publish(2)
        assert repr(bus) == "<EventBus runs, 0 handlers>"
    assert seen == [1]


async def test_what_cannot_be_subscribed_or_published_is_told() -> None:
    async def later(event: Any) -> None: ...

    bus = EventBus()
    with pytest.raises(TypeError, match="no kind of event"):
        bus.subscribe(5, print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="cannot be called"):
        bus.subscribe("a", 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="leave inline out"):
        bus.subscribe("a", later, inline=True)
    with pytest.raises(ValueError, match="nonsense"):
        bus.publish(1, queue="nonsense")  # type: ignore[arg-type]


async def test_an_inline_handler_that_publishes_waits_for_its_turn() -> None:
    seen: list[Any] = []
    async with EventBus() as bus:

        def first(event: Any) -> None:
            if event == "tick":
                bus.publish("order", queue="order")
                bus.publish("later")
            seen.append(event)

        bus.subscribe("*", first, inline=True)
        bus.publish("tick")
    assert seen == ["tick", "order", "later"]


async def test_what_a_handler_waited_for_is_cancelled_and_the_handler_goes_on() -> None:
    seen: list[int] = []

    async def handler(event: int) -> None:
        seen.append(event)
        if event == 1:
            gone = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone

    async with EventBus() as bus:
        bus.subscribe("*", handler)
        for number in range(1, 6):
            bus.publish(number, queue="order")
        await eventually(lambda: seen == [1, 2, 3, 4, 5])
        assert await bus.shutdown(5.0)
        (stats,) = bus.stats().handlers
        assert (stats.handled, stats.faults, stats.waiting) == (5, 1, 0)


async def test_whoever_is_told_of_faults_makes_none() -> None:
    def told(*args: object) -> None:
        raise LookupError("its own")

    def raises(event: int) -> None:
        seen.append(event)
        raise ValueError

    seen: list[int] = []
    beside: list[int] = []
    async with EventBus(on_fault=told) as bus:
        bus.subscribe("*", raises, inline=True)
        bus.subscribe("*", raises)
        bus.subscribe("*", beside.append, inline=True)
        assert bus.publish(1)
        assert bus.publish(2)
        assert beside == [1, 2]
        await eventually(lambda: sorted(seen) == [1, 1, 2, 2])
        assert await bus.shutdown(5.0)
    with pytest.raises(TypeError, match="cannot be called"):
        EventBus(on_fault=5)  # type: ignore[arg-type]


async def test_a_flood_from_another_thread_waits_in_bounds_and_is_taken_by_one_call() -> None:
    got: list[int] = []
    calls: list[object] = []
    async with EventBus() as bus:
        bus.subscribe("*", got.append, inline=True)
        loop = asyncio.get_running_loop()
        told, loop.call_soon_threadsafe = loop.call_soon_threadsafe, calls.append  # type: ignore[assignment,method-assign]

        def flood() -> None:
            for number in range(20_000):
                bus.publish(number)
            bus.publish(-1, queue="order")

        thread = threading.Thread(target=flood)
        thread.start()
        thread.join()
        loop.call_soon_threadsafe = told  # type: ignore[method-assign]
        stats = bus.stats()
        assert (len(calls), stats.data.size, stats.data.dropped, stats.order.size) == (1, 1_000, 19_000, 1)
        calls[0]()  # type: ignore[operator]
        await eventually(lambda: len(got) == 1_001)
        assert set(got) == {-1, *range(19_000, 20_000)}
