"""What callers hand over is checked where it comes in: one line that names it, and nothing is kept."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

import hoga
from hoga.core.errors import ProtocolMisuse
from hoga.core.market import DataType
from hoga.hub import checks
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.errors import ArgumentError, SubscriptionError
from hoga.hub.mailbox import Overflow
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import Mode, SubscriptionSpec
from tests.hub.workbench import FakeWire, Make, ticker, trade
from tests.waiting import eventually


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def take(self, event: Any) -> None:
        self.seen.append(event)

    def nothing(self) -> None:
        """Takes no event."""


def wish(*symbols: str, **more: Any) -> SubscriptionSpec:
    return SubscriptionSpec(DataType.TICKER, symbols or ("KRW-A",), **more)


WRONG: list[tuple[str, Any, str]] = [
    ("component_id", "", "a text that is not empty"),
    ("component_id", 5, "a text that is not empty"),
    ("component_instance", {}, "held weakly"),
    ("component_instance", None, "held weakly"),
    ("component_instance", 5, "held weakly"),
    ("component_instance", object(), "held weakly"),
    ("subscriptions", None, "a list of SubscriptionSpec"),
    ("subscriptions", "ticker", "a list of SubscriptionSpec"),
    ("subscriptions", wish(), "did you mean"),
    ("subscriptions", ["ticker"], "a list of SubscriptionSpec"),
    ("callback", None, "called with one event"),
    ("callback", "x", "called with one event"),
    ("callback", lambda: None, "called with one event"),
    ("callback", lambda one, two: None, "called with one event"),
    ("on_status", "x", "called with one event"),
    ("on_status", lambda: None, "called with one event"),
    ("overflow", "nonsense", "one of drop-oldest, conflate"),
    ("overflow", "conflat", "did you mean conflate"),
    ("overflow", None, "one of"),
    ("delivery", "inlin", "did you mean inline"),
    ("capacity", 0, "a whole number of 1 or more"),
    ("capacity", -1, "a whole number of 1 or more"),
    ("capacity", 1.5, "a whole number of 1 or more"),
    ("capacity", "x", "a whole number of 1 or more"),
    ("capacity", True, "a whole number of 1 or more"),
    ("interval_s", -3, "above 0"),
    ("interval_s", 0, "above 0"),
    ("interval_s", "1", "above 0"),
    ("interval_s", float("nan"), "above 0"),
    ("interval_s", float("inf"), "above 0"),
]


@pytest.mark.parametrize(("argument", "value", "expected"), WRONG, ids=[f"{name}-{number}" for number, (name, _, _) in enumerate(WRONG)])
async def test_a_wrong_argument_is_named_and_nothing_is_kept(make: Make, argument: str, value: Any, expected: str) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    call: dict[str, Any] = {
        "component_id": "chart-1", "component_instance": widget, "subscriptions": [wish()], "callback": widget.take, argument: value,
    }  # fmt: skip
    with pytest.raises(ArgumentError) as told:
        await manager.register_component(**call)
    text = str(told.value)
    assert isinstance(told.value, ValueError)
    assert isinstance(told.value, TypeError)
    assert "\n" not in text
    assert f"{argument}: found " in text
    assert expected in text
    assert argument == "component_id" or text.startswith("chart-1: ")
    assert manager.subscriptions.streams == 0
    assert manager.get_routing_statistics().consumers == 0
    assert manager.get_performance_metrics().total_components == 0


async def test_a_mistake_leaves_what_was_registered_before_as_it_was(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    before = await manager.register_component("a", widget, [wish("KRW-A")], widget.take, delivery=Delivery.INLINE)
    with pytest.raises(ArgumentError):
        await manager.register_component("a", widget, [wish("KRW-B")], widget.take, capacity=0)
    with pytest.raises(SubscriptionError):
        await manager.register_component("a", widget, [wish("KRW-B"), wish("???")], widget.take)
    await eventually(lambda: wire.streams)
    wire.push(ticker("KRW-A"))
    assert before.active
    assert [event.symbol for event in widget.seen] == ["KRW-A"]


@pytest.mark.parametrize(
    ("make_spec", "error", "text"),
    [
        (lambda: SubscriptionSpec("tikcer", ["KRW-A"]), ArgumentError, "data_type: found 'tikcer', expected one of ticker, "),  # type: ignore[arg-type]
        (lambda: SubscriptionSpec("tikcer", ["KRW-A"]), ArgumentError, "did you mean ticker?"),  # type: ignore[arg-type]
        (lambda: SubscriptionSpec(None, ["KRW-A"]), ArgumentError, "data_type: found None"),  # type: ignore[arg-type]
        (lambda: SubscriptionSpec(DataType.TICKER, "KRW-A"), ArgumentError, r"did you mean \['KRW-A'\]"),
        (lambda: SubscriptionSpec(DataType.TICKER, None), ArgumentError, "symbols: found None"),  # type: ignore[arg-type]
        (lambda: SubscriptionSpec(DataType.TICKER, 5), ArgumentError, "symbols: found 5"),  # type: ignore[arg-type]
        (lambda: SubscriptionSpec(DataType.TICKER, b"KRW-A"), ArgumentError, "symbols: found b'KRW-A'"),  # type: ignore[arg-type]
        (lambda: SubscriptionSpec(DataType.TICKER, {"KRW-A": 1}), ArgumentError, "symbols"),  # type: ignore[arg-type]
        (lambda: SubscriptionSpec(DataType.TICKER, ["KRW-A", 5]), ArgumentError, "symbols: found 5"),  # type: ignore[list-item]
        (lambda: SubscriptionSpec(DataType.TICKER, ["KRW-A", ""]), ArgumentError, "symbols: found ''"),
        (lambda: wish(mode="nonsense"), ArgumentError, "mode: found 'nonsense', expected one of both, snapshot, realtime"),
        (lambda: wish(mode="snapshto"), ArgumentError, "did you mean snapshot"),
        (lambda: wish(interval=5), ArgumentError, "interval: found 5"),
        (lambda: wish(channel=""), ArgumentError, "channel: found ''"),
        (lambda: wish(venue=5), ArgumentError, "venue: found 5"),
        (lambda: wish(venue="binanse"), SubscriptionError, "unknown venue.*did you mean binance"),
    ],
)
def test_a_wish_is_checked_when_it_is_made(make_spec: Callable[[], SubscriptionSpec], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as told:
        make_spec()
    assert isinstance(told.value, ValueError)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("spelling", ["snapshot", "SNAPSHOT", "Snapshot", Mode.SNAPSHOT])
def test_modes_and_types_go_by_value_or_name(spelling: Any) -> None:
    made = SubscriptionSpec("my_order" if spelling == "SNAPSHOT" else "my-order", ["KRW-A"], mode=spelling)  # type: ignore[arg-type]
    assert made.mode is Mode.SNAPSHOT
    assert made.data_type is DataType.MY_ORDER


def test_of_an_account_no_symbols_mean_all() -> None:
    assert SubscriptionSpec(DataType.MY_ORDER, None, venue="upbit").symbols == ()  # type: ignore[arg-type]


async def test_policies_go_by_value_or_name(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    await manager.register_component("a", widget, [wish()], widget.take, overflow="CONFLATE", delivery="inline")  # type: ignore[arg-type]
    consumer = manager.engine.consumer("a")
    assert consumer is not None
    assert consumer.delivery is Delivery.INLINE
    assert type(consumer.box).__name__ == "ConflatingBox"


async def test_the_pull_client_takes_types_by_name_and_a_mistake_does_not_stay(make: Make) -> None:
    wire = FakeWire("upbit")
    client = SimpleWebSocketClient("gui", manager=make(wire))
    with pytest.raises(ArgumentError, match=r"did you mean \['KRW-A'\]"):
        await client.register_interests("KRW-A", [DataType.TICKER])
    with pytest.raises(ArgumentError, match=r"data_type: found 'orderbok'.*did you mean orderbook"):
        await client.register_interests(["KRW-A"], ["orderbok"])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match="data_types"):
        await client.register_interests(["KRW-A"], "ticker")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="data_types: found None, expected a list of types"):
        await client.register_interests(["KRW-A"], None)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"symbols: found 'KRW-A'.*did you mean \['KRW-A'\]"):
        client.get_multiple_tickers("KRW-A")
    with pytest.raises(ArgumentError, match="history"):
        await client.register_interests(["KRW-A"], ["ticker"], history=-1)  # type: ignore[list-item]
    assert await client.register_interests(["krw-a"], ["orderbook", "TICKER"])  # type: ignore[list-item]
    await eventually(lambda: wire.streams)
    wire.push(ticker("KRW-A"))
    assert client.get_ticker("KRW-A") is client.get_ticker("krw-a") is not None
    with pytest.raises(ArgumentError, match="interval: found 5, expected a text like '1m'"):
        client.get_candle("KRW-A", 5)  # type: ignore[arg-type]
    await client.close()


@pytest.mark.parametrize(
    ("symbol", "data_type", "text"),
    [
        (5, "ticker", "symbol: found 5"),
        (None, "ticker", "symbol: found None"),
        ("KRW-A", "tikcer", "did you mean ticker"),
        ("KRW-A", 5, "data_type"),
    ],
)
async def test_a_value_is_asked_for_by_names_that_can_be(make: Make, symbol: Any, data_type: Any, text: str) -> None:
    client = SimpleWebSocketClient("gui", manager=make(FakeWire("upbit")))
    with pytest.raises(ArgumentError, match=text):
        client.get(symbol, data_type)
    assert client.get("KRW-A", "TICKER") is None  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="client_id: found 5"):
        SimpleWebSocketClient(5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="client_id: found 5"):
        await hoga.connect(5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="data: found 5, expected a folder"):
        await hoga.connect("a", data=5)  # type: ignore[arg-type]


def test_what_can_be_called_with_one_event() -> None:
    class Callable_:
        def __call__(self, event: object) -> None:
            """Takes one."""

    for good in (
        print,
        Callable_(),
        functools.partial(lambda one, two: None, 1),
        [].append,
        lambda event, more=1: None,
        lambda *all_: None,
    ):
        assert checks.callback_of(good, "a", "callback") is good
    for bad in (functools.partial(lambda one: None, 1), Widget().nothing, 3, lambda *, event: None):
        with pytest.raises(ArgumentError):
            checks.callback_of(bad, "a", "callback")


def test_a_value_whose_repr_fails_is_still_told() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    with pytest.raises(ArgumentError, match="found a Odd"):
        checks.choice(Overflow, Odd(), "a", "overflow")
    with pytest.raises(ArgumentError) as told:
        checks.count("x" * 5_000 + "\n", "a", "capacity")
    assert len(str(told.value)) < 200


# -- what is refused by name, rather than served by chance ------------------------------------------------------------


class AsyncCallable:
    async def __call__(self, event: Any) -> None:
        """Takes one."""


async def asynchronous(more: int, event: Any) -> None:
    """An async function."""


def test_an_async_function_is_known_in_every_dress() -> None:
    for dressed in (
        asynchronous,
        functools.partial(asynchronous, 1),
        functools.partial(functools.partial(asynchronous), 1),
        AsyncCallable(),
        functools.partial(AsyncCallable()),
        AsyncCallable().__call__,
    ):
        assert checks.is_async(dressed)
    assert not any(checks.is_async(plain) for plain in (print, Widget().take, functools.partial(print, 1), Widget))


@pytest.mark.parametrize("callback", [functools.partial(asynchronous, 1), AsyncCallable()], ids=["partial", "object"])
async def test_inline_is_not_for_async_functions(make: Make, callback: Any) -> None:
    manager, widget = make(FakeWire("upbit")), Widget()
    with pytest.raises(ArgumentError, match="a: delivery: found 'inline' with an async function"):
        await manager.register_component("a", widget, [wish()], callback, delivery=Delivery.INLINE)
    assert manager.subscriptions.streams == 0


async def test_what_an_inline_function_gives_to_be_awaited_is_told(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    await manager.register_component("a", widget, [wish()], lambda event: asynchronous(1, event), delivery=Delivery.INLINE)
    await eventually(lambda: wire.streams)
    wire.push(ticker("KRW-A"))
    assert manager.get_routing_statistics().by_consumer["a"].errors == 1


@pytest.mark.parametrize("component_id", [7, None, "", Widget()])
async def test_leaving_goes_by_the_id(make: Make, component_id: Any) -> None:
    with pytest.raises(ArgumentError, match="unregister_component: component_id: found"):
        await make(FakeWire("upbit")).unregister_component(component_id)


async def test_an_owner_that_nobody_else_holds_is_told(make: Make) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = make(wire)
    with pytest.raises(ArgumentError, match="component_instance: found <bound method"):
        await manager.register_component("a", widget.take, [wish()], widget.take)
    gone = await manager.register_component("b", Widget(), [wish()], widget.take)
    await eventually(lambda: gone.errors)
    assert "nobody but the hub held its owner" in str(gone.errors[0])
    held = Widget()
    kept = await manager.register_component("c", held, [wish()], widget.take)
    await eventually(lambda: wire.streams)
    del held
    await eventually(lambda: not wire.streams)
    assert kept.errors == []


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (lambda: SubscriptionSpec("trade", ["KRW-A"], channel="orderbook.5"), "a: channel: found 'orderbook.5', which is of orderbook"),  # type: ignore[arg-type]
        (lambda: SubscriptionSpec("trade", ["KRW-A"], interval="1m"), "interval: found '1m', expected nothing"),  # type: ignore[arg-type]
        (
            lambda: SubscriptionSpec("trade", ["KRW-A", "BTCUSDT"]),
            "found 'KRW-A' of upbit and 'BTCUSDT' of binance.*one list is of one venue",
        ),  # type: ignore[arg-type]
        (lambda: wish("ALL"), "symbols: found 'ALL', expected symbols by their names: .*manager.symbols"),
        (lambda: wish("ALL:USDT"), "symbols: found 'ALL:USDT'"),
        (lambda: wish("*"), r"symbols: found '\*'"),
    ],
)
async def test_a_wish_that_contradicts_itself_is_refused(make: Make, spec: Any, text: str) -> None:
    manager, widget = make(FakeWire("upbit"), FakeWire("binance")), Widget()
    with pytest.raises(ArgumentError, match=text) as told:
        await manager.register_component("a", widget, [spec()], widget.take)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("venue", [None, "upbit"])
async def test_a_wish_of_which_nothing_can_be_served_raises(make: Make, venue: str | None) -> None:
    manager, widget = make(FakeWire("upbit"), FakeWire("binance")), Widget()
    with pytest.raises(SubscriptionError, match=r"\?\?\?"):
        await manager.register_component("a", widget, [wish("???", "!!", venue=venue)], widget.take)
    with pytest.raises(SubscriptionError, match=r"binance ticker KRW-A: not spelt like a symbol of this venue .*one of upbit"):
        await manager.register_component("a", widget, [wish("KRW-A", venue="binance")], widget.take)
    some = await manager.register_component("a", widget, [wish("KRW-A", "???", venue=venue)], widget.take)
    assert [(error.symbols, error.data_type) for error in some.errors] == [(("???",), "ticker")]


async def test_an_id_is_of_the_component_that_took_it_last_and_that_is_told(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    wire, one, two = FakeWire("upbit"), Widget(), Widget()
    manager = make(wire)
    await manager.register_component("same", one, [wish("KRW-A")], one.take)
    await manager.register_component("same", one, [wish("KRW-A", "KRW-B")], one.take)
    assert caplog.text == ""
    await manager.register_component("same", two, [wish("KRW-B")], two.take)
    assert caplog.text.count("a component took the id of another that lives") == 1
    assert [stream.symbol for stream in manager.subscriptions.modes_of("same")] == ["KRW-B"]
    assert manager.owner_of("same") is two


async def test_the_pull_client_is_asked_for_something(make: Make) -> None:
    client = SimpleWebSocketClient("a", manager=make(FakeWire("upbit")))
    with pytest.raises(ArgumentError, match=r"data_types: found .., expected one type at least"):
        await client.register_interests(["KRW-A"], [])
    with pytest.raises(ArgumentError, match="data_types"):
        await client.drop_interests(["KRW-A"], [])
    with pytest.raises(ArgumentError, match="interval"):
        await client.register_interests(["KRW-A"], [DataType.TRADE], interval="1m")
    assert await client.register_interests(["KRW-A"], [DataType.TRADE, DataType.CANDLE], interval="1m")
    with pytest.raises(ArgumentError, match="client q: manager: found 'm'"):
        SimpleWebSocketClient("q", manager="m")  # type: ignore[arg-type]
    for wrong in (["KRW-A"], {"KRW-A"}):
        with pytest.raises(ArgumentError, match="symbol: found"):
            client.get_ticker(wrong)  # type: ignore[arg-type]
    await client.close()


async def test_a_symbol_of_two_venues_is_asked_for_with_its_venue(make: Make) -> None:
    spot, futures = FakeWire("binance"), FakeWire("binance-usdm")
    manager = make(spot, futures)
    client, other = (SimpleWebSocketClient(name, manager=manager) for name in ("a", "other"))
    await client.register_interests(["BTCUSDT"], [DataType.TRADE], venue="binance")
    await other.register_interests(["BTCUSDT"], [DataType.TRADE], venue="binance-usdm")
    await eventually(lambda: spot.streams and futures.streams)
    spot.push(trade("BTCUSDT", 1))
    futures.push(trade("BTCUSDT", 2))
    found = client.get_trade("BTCUSDT")
    assert found is not None
    assert found.venue == "binance", "what interests another client is not this one's"
    await client.register_interests(["BTCUSDT"], [DataType.TRADE], venue="binance-usdm")
    for ask in (
        client.get_trade,
        lambda symbol: client.is_stale(symbol, DataType.TRADE),
        lambda symbol: client.get_history(symbol, DataType.TRADE),
    ):
        with pytest.raises(ArgumentError, match="of two venues here, expected the venue as well: binance:BTCUSDT or binance-usdm:BTCUSDT"):
            ask("BTCUSDT")
    assert client.get_trade("binance-usdm:BTCUSDT") is not None
    await client.close()
    await other.close()


@pytest.mark.parametrize("work", [print, None, 3])
async def test_what_is_asked_of_another_thread_is_a_coroutine(make: Make, work: Any) -> None:
    with pytest.raises(ArgumentError, match="submit: work: found"):
        make(FakeWire("upbit")).submit(work)
    with pytest.raises(ArgumentError, match="call: work: found"):
        hoga.HubThread().call(work)


async def test_waiting_on_the_loop_for_the_loop_is_refused_at_once(make: Make) -> None:
    manager = make(FakeWire("upbit"))
    asked = manager.submit(manager.unregister_component("none"))
    with pytest.raises(ProtocolMisuse, match="would wait on the hub's own loop"):
        asked.result(5)
    await asyncio.wrap_future(asked)
    assert asked.result() is None
    never = manager.submit(asyncio.sleep(3600))
    with pytest.raises(TimeoutError, match=r"submit\(…\)\.result\(\): not done within 0\.01 s"):
        await asyncio.to_thread(never.result, 0.01)
    assert never.cancel()
    await eventually(never.cancelled)


def test_a_manager_whose_loop_is_over_says_so() -> None:
    async def make_one() -> GlobalWebSocketManager:
        return GlobalWebSocketManager([], {})

    old = asyncio.run(make_one())
    for ask in (lambda: asyncio.run(old.register_component("a", Widget(), [], print)), lambda: asyncio.run(old.unregister_component("a"))):
        with pytest.raises(ProtocolMisuse, match=r"event loop is over.*get_instance\(\) again"):
            ask()
    with pytest.raises(ProtocolMisuse, match="event loop is over"):
        old.submit(old.unregister_component("a"))


async def test_what_is_no_configuration_and_no_payload_is_an_argument() -> None:
    with pytest.raises(ArgumentError, match="config: found 3"):
        await hoga.GlobalWebSocketManager.get_instance(3)
    with pytest.raises(ArgumentError, match="payload: found 3"):
        hoga.make_event("upbit", "KRW-BTC", "ticker", 3)  # type: ignore[arg-type]


async def test_a_symbol_is_checked_before_there_is_a_manager_and_a_book_is_of_something() -> None:
    with pytest.raises(ArgumentError, match="client a: symbol: found 3"):
        SimpleWebSocketClient("a").get_ticker(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"BookKeeper: symbols: found .., expected one symbol at least"):
        hoga.BookKeeper("binance", [])


async def test_a_symbol_that_is_refused_later_is_told_with_its_type(make: Make) -> None:
    widget = Widget()
    manager = make(FakeWire("binance"))
    told = await manager.register_component("a", widget, [SubscriptionSpec(DataType.TRADE, ["NOPEUSDT"])], widget.take)
    manager._reject(next(iter(told.streams)), "the venue lists no such symbol")
    assert [(error.data_type, str(error)) for error in told.errors] == [
        ("trade", "a: binance trade NOPEUSDT: the venue lists no such symbol")
    ]
