"""The hub and the recorder on real sockets: Binance spot on the simulator, Upbit on a small server of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hoga.app.config import Config, load_config
from hoga.app.hub import wires_of
from hoga.app.venue_run import VenueRun
from hoga.archive.prove.verify import verify
from hoga.core.market import DataType
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, StatusEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import Mode, SubscriptionSpec
from hoga.runtime.pool import WorkerPool
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.app.upbit_server import UpbitServer
from tests.waiting import LONG_S
from tests.waiting import eventually as until


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.events: list[BaseWebSocketEvent] = []
        self.status: list[StatusEvent] = []

    def take(self, event: BaseWebSocketEvent) -> None:
        self.events.append(event)


@pytest_asyncio.fixture
async def upbit() -> AsyncIterator[UpbitServer]:
    async with UpbitServer(["KRW-BTC", "KRW-ETH", "KRW-XRP"]) as server:
        yield server


def config(**more: str) -> Config:
    values = {"BASE_BACKOFF": "1", **more}
    return load_config(None, overrides=[f"{key}={value}" for key, value in values.items()], environ={})


def at_upbit(server: UpbitServer, **more: str) -> Config:
    return config(**{"upbit.WS_URL": f"ws://{server.url}", "upbit.REST_URL": f"http://{server.url}", **more})


@pytest_asyncio.fixture
async def manage() -> AsyncIterator[Callable[[Config], GlobalWebSocketManager]]:
    made: list[GlobalWebSocketManager] = []

    def start(config: Config, *, linger_s: float = 0.0, **recorders: Any) -> GlobalWebSocketManager:
        made.append(GlobalWebSocketManager(wires_of(config, recorders=recorders), VENUES, linger_s=linger_s))
        made[-1].start()
        return made[-1]

    yield start
    for manager in made:
        await manager.stop()


async def test_upbit_changes_replace_and_disturb_nothing(upbit: UpbitServer, manage: Any) -> None:
    manager, one, two = manage(at_upbit(upbit)), Widget(), Widget()
    await manager.register_component("one", one, [SubscriptionSpec(DataType.ORDERBOOK, ["KRW-BTC"], venue="upbit")], one.take)
    await until(lambda: one.events)
    await manager.register_component("two", two, [SubscriptionSpec(DataType.TICKER, ["KRW-ETH"])], two.take)
    await until(lambda: two.events)
    assert upbit.requests[-1][1:3] == [
        {"type": "orderbook", "codes": ["KRW-BTC"], "is_only_realtime": True},
        {"type": "ticker", "codes": ["KRW-ETH"]},
    ]
    assert len(one.events) == 1
    await upbit.send("orderbook", "KRW-BTC", 5)
    await until(lambda: len(one.events) == 2)
    assert str(one.events[-1].body.asks[0][0]) == "1.16540E+8"
    await manager.unregister_component("two")
    await until(lambda: len(upbit.requests) == 3)
    assert [each["codes"] for each in upbit.requests[-1] if "type" in each] == [["KRW-BTC"]]
    await manager.unregister_component("one")
    await until(lambda: not upbit.sockets)
    assert len(upbit.requests) == 3
    assert upbit.origins == [None]


async def test_an_upbit_cut_is_healed_and_only_told_as_an_epoch(upbit: UpbitServer, manage: Any) -> None:
    manager, widget = manage(at_upbit(upbit)), Widget()
    wish = [SubscriptionSpec(DataType.TRADE, ["KRW-BTC", "KRW-ETH"]), SubscriptionSpec(DataType.TICKER, ["KRW-XRP"])]
    await manager.register_component("a", widget, wish, widget.take, delivery=Delivery.INLINE, on_status=widget.status.append)
    await until(lambda: len(widget.events) == 3)
    await upbit.send("trade", "KRW-BTC", 1)
    await until(lambda: len(widget.events) == 4)
    await upbit.cut()
    await until(lambda: len(upbit.sockets) == 1 and len(upbit.requests) == 2)
    await upbit.send("trade", "KRW-BTC", 2)
    await until(
        lambda: widget.events[-1].body.event_ns and any(event.epoch == 2 and b'"REALTIME"' in event.payload for event in widget.events)
    )
    assert [(event.epoch, event.up) for event in widget.status if isinstance(event, EpochEvent)] == [(1, True), (1, False), (2, True)]
    assert sorted({event.epoch for event in widget.events}) == [1, 2]
    assert [event.epoch for event in widget.events] == sorted(event.epoch for event in widget.events)


async def test_an_unknown_upbit_symbol_is_told_within_ten_seconds(upbit: UpbitServer, manage: Any) -> None:
    manager, widget = manage(at_upbit(upbit)), Widget()
    wish = [SubscriptionSpec(DataType.TICKER, ["KRW-BTC", "KRW-NOPE"])]
    subscription = await manager.register_component("a", widget, wish, widget.take)
    await until(lambda: subscription.errors)
    assert subscription.errors[0].symbols == ("KRW-NOPE",)
    await upbit.send("ticker", "KRW-BTC", 1)
    await until(lambda: len(widget.events) >= 2)


async def test_upbit_is_recorded_like_any_other_stream(upbit: UpbitServer, tmp_path: Path) -> None:
    settings = at_upbit(upbit, **{"upbit.SYMBOLS": "KRW-BTC,KRW-ETH", "upbit.STREAMS": "orderbook,trade,ticker"})
    venue = msgspec_replace(settings.venue("upbit"), tmp_path)
    pool = WorkerPool(workers=1)
    run = VenueRun(venue, pool)
    await run.start()
    await until(lambda: sum(intake.n for intake in run.recorder.intakes.values()) == 6)
    for number in range(1, 40):
        await upbit.send("orderbook", "KRW-BTC", number)
        await upbit.send("trade", "KRW-BTC", number)
        await upbit.send("ticker", "KRW-ETH", number)
    await until(lambda: sum(intake.n for intake in run.recorder.intakes.values()) == 6 + upbit.sent)
    await run.stop_intake()
    await run.drain()
    await run.seal(timeout_s=LONG_S)
    run.release()
    await pool.close()
    report = verify([tmp_path])
    assert report.problems == []
    assert report.records == 6 + 39 * 3
    assert run.recorder.odd_frames == 0


async def test_what_is_recorded_is_served_over_the_same_connection(upbit: UpbitServer, manage: Any, tmp_path: Path) -> None:
    settings = at_upbit(upbit, **{"upbit.SYMBOLS": "KRW-BTC", "upbit.STREAMS": "trade"})
    pool = WorkerPool(workers=1)
    run = VenueRun(msgspec_replace(settings.venue("upbit"), tmp_path), pool)
    await run.start()
    await until(lambda: sum(intake.n for intake in run.recorder.intakes.values()) == 1)
    manager, widget = manage(settings, upbit=run), Widget()
    wish = [SubscriptionSpec(DataType.TRADE, ["KRW-BTC"], mode=Mode.REALTIME)]
    await manager.register_component("a", widget, wish, widget.take, delivery=Delivery.INLINE)
    await asyncio.sleep(0.3)
    for number in range(1, 11):
        await upbit.send("trade", "KRW-BTC", number)
    await until(lambda: len(widget.events) == 10)
    assert len(upbit.sockets) == 1
    assert {(event.conn, event.epoch) for event in widget.events} == {("upbit-1", 1)}
    await manager.stop()
    await run.stop_intake()
    await run.drain()
    await run.seal(timeout_s=LONG_S)
    run.release()
    await pool.close()


async def test_the_simulated_spot_market_through_the_hub(manage: Any) -> None:
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT", "ETHUSDT"), seed=3)) as simulator:
        settings = config(**{"binance.WS_URL": simulator.ws_url, "binance.REST_URL": simulator.rest_url})
        manager, widget = manage(settings), Widget()
        wishes = [
            SubscriptionSpec(data_type, ["BTCUSDT", "ETHUSDT"], venue="binance")
            for data_type in (DataType.ORDERBOOK, DataType.DELTA, DataType.QUOTE, DataType.TRADE)
        ]
        await manager.register_component("a", widget, wishes, widget.take, delivery=Delivery.INLINE)
        await until(lambda: len({event.stream.name for event in widget.events}) == 8)
        assert len(manager.get_connection_metrics()) == 1
        for event in widget.events[:200]:
            assert event.body is event.body
        await manager.register_component(
            "b", widget, [SubscriptionSpec(DataType.TICKER, ["BTCUSDT"])], widget.take, delivery=Delivery.INLINE
        )
        await until(lambda: any(event.data_type is DataType.TICKER for event in widget.events))
        assert len(simulator.truth.connections) == 1


def msgspec_replace(venue: Any, folder: Path) -> Any:
    """The venue's configuration with its archive in `folder`."""
    import msgspec

    return msgspec.structs.replace(venue, data_dir=folder, lob_dir=folder / "orderbook", chart_dir=folder / "execution", latency_gate="off")


async def test_the_venues_say_what_is_subscribed_and_how_their_limits_stand(manage: Any, tmp_path: Path) -> None:
    symbols = ("BTCUSDT", "ETHUSDT", "KRW-BTC")
    async with Simulator(SimulatorConfig(venues=("binance", "upbit"), symbols=symbols, seed=3)) as simulator:
        urls = simulator.venues["upbit"].urls
        settings = {"binance.WS_URL": simulator.ws_url, "binance.REST_URL": simulator.rest_url}
        manager = manage(config(**settings, **{"upbit.WS_URL": urls["ws"], "upbit.REST_URL": urls["rest"]}))
        widget = Widget()
        wishes = [
            SubscriptionSpec(DataType.TRADE, ["BTCUSDT", "ETHUSDT"], venue="binance"),
            SubscriptionSpec(DataType.ORDERBOOK, ["KRW-BTC"], venue="upbit"),
        ]
        await manager.register_component("a", widget, wishes, widget.take, delivery=Delivery.INLINE)
        await until(lambda: {event.venue for event in widget.events} == {"binance", "upbit"})
        assert await manager.list_subscriptions() == {
            "binance-hub-1": frozenset({"btcusdt@aggTrade", "ethusdt@aggTrade"}),
            "upbit-hub-1": frozenset({"KRW-BTC@orderbook"}),
        }
        seen = len(widget.events)
        assert await manager.list_subscriptions("upbit") == {"upbit-hub-1": frozenset({"KRW-BTC@orderbook"})}
        await until(lambda: len(widget.events) > seen)
        with pytest.raises(ValueError, match="did you mean upbit"):
            await manager.list_subscriptions("upbitt")
        limits = {(each.venue, each.what, each.window_s): each for each in manager.get_rate_limits()}
        connects = limits["upbit", "connects", 1.0]
        assert (connects.allowed <= connects.limit, connects.refusals) == (True, 0)
        requests = limits["upbit", "requests upbit-hub-1", 60.0]
        assert requests.used >= 3
        assert requests.allowed == requests.limit == 90
        assert ("binance", "requests binance-hub-1", 1.0) in limits
        assert ("binance", "rest", 60.0) in limits


async def test_short_spelling_on_the_wire_says_the_same_in_fewer_bytes(manage: Any) -> None:
    types = (DataType.TICKER, DataType.TRADE, DataType.ORDERBOOK)
    async with Simulator(SimulatorConfig(venues=("upbit",), symbols=("KRW-BTC",), seed=3)) as simulator:
        urls = simulator.venues["upbit"].urls
        endpoints = {"upbit.WS_URL": urls["ws"], "upbit.REST_URL": urls["rest"]}
        managers = {form: manage(config(**endpoints, WIRE_FORMAT=form)) for form in ("default", "simple")}
        widgets = {form: Widget() for form in managers}
        for form, manager in managers.items():
            wishes = [SubscriptionSpec(each, ["KRW-BTC"], venue="upbit") for each in types]
            widget = widgets[form]
            await manager.register_component("a", widget, wishes, widget.take, delivery=Delivery.INLINE, on_status=widget.status.append)
        trades = {form: {} for form in widgets}  # type: ignore[var-annotated]

        def told(form: str) -> dict[int, Any]:
            found = [event for event in widgets[form].events if event.data_type is DataType.TRADE]
            trades[form] = {event.body.trade_id: event for event in found}
            assert len(trades[form]) == len(found), "each trade once"
            return trades[form]

        await until(lambda: all(len(told(form)) > 5 for form in widgets) and len(told("default").keys() & told("simple").keys()) > 3)
        for number in trades["default"].keys() & trades["simple"].keys():
            usual, short = trades["default"][number], trades["simple"][number]
            assert short.body == usual.body
            assert short.payload.startswith(b'{"ty":"trade"')
            assert short.raw().keys() == usual.raw().keys()
            assert len(short.payload) < len(usual.payload)
        simulator.inject(Fault(fault=FaultKind.CLOSE, code=1006))
        await until(lambda: all(widget.events[-1].epoch >= 2 for widget in widgets.values()))
        assert {event.data_type for event in widgets["simple"].events} == set(types)
        told("simple")
        assert {inlet.odd_frames for inlet in managers["simple"]._inlets.values()} == {0}
        assert await managers["simple"].list_subscriptions() == {
            "upbit-hub-1": frozenset({"KRW-BTC@ticker", "KRW-BTC@trade", "KRW-BTC@orderbook"})
        }


async def test_a_lonely_chart_that_switches_costs_one_connect(manage: Any) -> None:
    symbols = ("BTCUSDT", "ETHUSDT")
    async with Simulator(SimulatorConfig(venues=("binance",), symbols=symbols, seed=3)) as simulator:
        settings = {"binance.WS_URL": simulator.ws_url, "binance.REST_URL": simulator.rest_url}
        manager, chart = manage(config(**settings), linger_s=60.0), Widget()
        for number in range(8):
            symbol = symbols[number % 2]
            before = len(chart.events)
            await manager.register_component("chart", chart, [SubscriptionSpec(DataType.ORDERBOOK, [symbol], venue="binance")], chart.take)
            await until(lambda symbol=symbol, before=before: any(event.symbol == symbol for event in chart.events[before:]))
        assert list(manager.get_connection_metrics()) == ["binance-hub-1"]
        assert len({event.epoch for event in chart.events}) == 1
        assert await manager.symbols("binance") == list(symbols)
