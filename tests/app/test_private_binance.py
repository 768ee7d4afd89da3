"""Binance's private streams through the whole client, against the simulated exchanges: signed orders come back as events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio

from hoga.app.config import Config, load_config
from hoga.app.hub import wires_of
from hoga.core.market import DataType
from hoga.hub.events import EpochEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.private import PrivateState
from hoga.hub.routing import Delivery
from hoga.hub.states import WebSocketType
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import Fault, FaultKind
from hoga.venues.private import Trouble
from hoga.venues.registry import VENUES
from tests.app.test_private import Desk, until
from tests.simulator.signing import ED25519_KEY, HMAC_KEY, Trader
from tests.venues.test_private_signing import pem

SEED = bytes(range(32))
"""Of the simulator's Ed25519 key."""
SPOT, FUTURES = "binance", "binance-usdm"


class Login(NamedTuple):
    venue: str
    key: Any


LOGINS = [Login(SPOT, HMAC_KEY), Login(SPOT, ED25519_KEY), Login(FUTURES, HMAC_KEY)]
every_login = pytest.mark.parametrize("login", LOGINS, ids=["spot-hmac", "spot-ed25519", "usdm"])


def config_of(simulator: Simulator, login: Login, folder: Path) -> Config:
    urls = simulator.venues[login.venue].urls
    values = {"WS_URL": urls["ws"], "REST_URL": urls["rest"], "WS_PRIVATE_URL": urls["ws"], "BASE_BACKOFF": "1"}
    prefix = f"HOGA_{login.venue.upper().replace('-', '_')}__"
    keys = {f"{prefix}API_KEY": login.key.key}
    if login.key.secret:
        keys[f"{prefix}API_SECRET"] = login.key.secret
    else:
        file = folder / "key.pem"
        file.write_text(pem(SEED).reveal())
        file.chmod(0o600)
        keys[f"{prefix}PRIVATE_KEY_FILE"] = str(file)
    return load_config(None, overrides=[f"{login.venue}.{name}={value}" for name, value in values.items()], environ=keys)


class Floor:
    """A simulated Binance whose market stands still, a manager with public and private wires, a chart, and a desk that trades."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession, login: Login, folder: Path) -> None:
        self.simulator = simulator
        self.login = login
        self.wires = wires_of(config_of(simulator, login, folder))
        self.manager = GlobalWebSocketManager(self.wires, VENUES)
        self.manager.start()
        self.desk, self.chart = Desk(), Desk()
        self.trader = Trader(http, simulator, login.venue, key=login.key)
        for symbol in ("BTCUSDT", "ETHUSDT"):
            simulator.engine.market(symbol).frozen = symbol == "BTCUSDT"

    async def open(self) -> None:
        wishes = [SubscriptionSpec(DataType.QUOTE, ["ETHUSDT"], venue=self.login.venue)]
        tell = self.chart.tell
        await self.manager.register_component("chart", self.chart, wishes, self.chart.take, delivery=Delivery.INLINE, on_status=tell)
        types = (DataType.MY_ORDER, DataType.MY_FILL, DataType.MY_ASSET)
        wishes = [SubscriptionSpec(each, [], venue=self.login.venue) for each in types]
        await self.manager.register_component("desk", self.desk, wishes, self.desk.take, delivery=Delivery.INLINE, on_status=self.desk.tell)

    async def is_live(self, times: int = 1) -> None:
        await until(lambda: self.desk.has_been(PrivateState.LIVE, times) and self.desk.state() is PrivateState.LIVE and self.chart.events)

    async def rest_below(self, name: str) -> Any:
        """An order that nobody will meet."""
        top = self.simulator.engine.market("BTCUSDT").top
        tick = Decimal(self.simulator.engine.market("BTCUSDT").instrument.tick_e8) / 10**8
        status, order = await self.trader.limit("BUY", "0.010", f"{(top.bid - 2000) * tick:.2f}", newClientOrderId=name)
        assert status == 200, order
        return order

    def of(self, data_type: DataType) -> list[Any]:
        return [event.body for event in self.desk.events if event.data_type is data_type]

    def cut(self) -> None:
        """The private connection is reset."""
        public = {each.name for stream, members in self.simulator.board.subscribers.items() if "bookTicker" in stream for each in members}
        private = [
            each["name"] for each in self.simulator.status()["connections"] if each["closed_ns"] is None and each["name"] not in public
        ]
        assert private, "the desk's connection is known"
        for name in private:
            self.simulator.inject(Fault(fault=FaultKind.CLOSE, code=1006, connections=name))

    def public_is_untouched(self) -> bool:
        metrics = [each for each in self.manager.get_connection_metrics().values() if each.connection_type is WebSocketType.PUBLIC]
        epochs = [(each.epoch, each.up) for each in self.chart.seen if isinstance(each, EpochEvent)]
        return [(each.epoch, each.reconnect_count) for each in metrics] == [(1, 0)] and epochs == [(1, True)]


@pytest_asyncio.fixture
async def floors(tmp_path: Path) -> AsyncIterator[Any]:
    async with aiohttp.ClientSession() as http:
        made: list[Floor] = []

        async def build(login: Login, **settings: Any) -> Floor:
            simulator = Simulator(SimulatorConfig(venues=(login.venue,), symbols=("BTCUSDT", "ETHUSDT"), seed=3, **settings))
            await simulator.__aenter__()
            made.append(Floor(simulator, http, login, tmp_path))
            await made[-1].open()
            return made[-1]

        yield build
        for floor in made:
            await floor.manager.stop()
            await floor.simulator.__aexit__(None, None, None)


@every_login
async def test_orders_come_back_once_and_in_order(floors: Any, login: Login) -> None:
    floor = await floors(login)
    await floor.is_live()
    placed = [await floor.rest_below(f"mine-{number}") for number in range(8)]
    await until(lambda: len(floor.of(DataType.MY_ORDER)) >= 8)
    orders = floor.of(DataType.MY_ORDER)
    assert [order.client_id for order in orders] == [f"mine-{number}" for number in range(8)]
    assert [order.order_id for order in orders] == [str(row["orderId"]) for row in placed]
    assert floor.public_is_untouched()


@every_login
async def test_the_fills_of_a_market_order_are_its_size(floors: Any, login: Login) -> None:
    floor = await floors(login)
    await floor.is_live()
    status, reply = await floor.trader.market("BUY", "0.300", newClientOrderId="crossing")
    assert status == 200, reply
    await until(lambda: sum(fill.quantity for fill in floor.of(DataType.MY_FILL)) >= Decimal("0.3"))
    fills = floor.of(DataType.MY_FILL)
    assert sum(fill.quantity for fill in fills) == Decimal("0.3")
    assert len({fill.fill_id for fill in fills}) == len(fills)
    assert {fill.client_id for fill in fills} == {"crossing"}
    assert floor.of(DataType.MY_ORDER)[-1].filled == Decimal("0.3")
    await until(lambda: floor.of(DataType.MY_ASSET))


@every_login
async def test_a_reset_connection_recovers_and_says_what_may_be_missing(floors: Any, login: Login) -> None:
    floor = await floors(login)
    await floor.is_live()
    await floor.rest_below("before")
    await until(lambda: floor.of(DataType.MY_ORDER))
    floor.cut()
    await floor.is_live(2)
    await floor.rest_below("after")
    await until(lambda: len(floor.of(DataType.MY_ORDER)) == 2)
    assert [order.client_id for order in floor.of(DataType.MY_ORDER)] == ["before", "after"]
    assert [missed.from_ns is None for missed in floor.desk.missed] == [True, False]
    assert floor.public_is_untouched()


@every_login
@pytest.mark.parametrize("kind", [FaultKind.KEY_REVOKED, FaultKind.KEY_EXPIRED])
async def test_a_key_that_goes_bad_is_refused_until_it_is_good_again(floors: Any, login: Login, kind: FaultKind) -> None:
    floor = await floors(login)
    await floor.is_live()
    floor.simulator.inject(Fault(fault=kind, key=login.key.key))
    await until(lambda: floor.desk.has_been(PrivateState.REJECTED))
    assert floor.desk.refused().trouble is Trouble.REVOKED
    assert floor.desk.refused().hint
    floor.simulator.clear_faults()
    await floor.is_live(2)
    assert floor.public_is_untouched()


async def test_a_clock_a_minute_off_is_told_with_the_minute(floors: Any) -> None:
    floor = await floors(LOGINS[0])
    await floor.is_live()
    floor.simulator.inject(Fault(fault=FaultKind.CLOCK_STEP, ms=60_000))
    floor.cut()
    await until(lambda: floor.desk.has_been(PrivateState.REJECTED))
    refused = floor.desk.refused()
    assert refused.trouble is Trouble.CLOCK
    assert "60" in refused.hint
    floor.simulator.inject(Fault(fault=FaultKind.CLOCK_STEP, ms=-60_000))
    await floor.is_live(2)
    assert floor.public_is_untouched()


async def test_a_listen_key_that_runs_out_is_made_anew(floors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hour is two seconds here, in which the client has no reason to keep it."""
    monkeypatch.setattr("hoga.simulator.usdm.listen_keys._GOOD_FOR_NS", 2_000_000_000)
    floor = await floors(LOGINS[2])
    await floor.is_live(2)
    closed = [event.why for event in floor.desk.seen if isinstance(event, EpochEvent) and not event.up]
    assert closed[0] == "the listen key expired"
    assert floor.public_is_untouched()


@every_login
async def test_a_connection_that_is_replaced_brings_every_order_once(floors: Any, login: Login) -> None:
    """Orders are placed before, while and after both are read; the venue is one that tells both."""
    floor = await floors(login)
    await floor.is_live()
    wire = next(wire for wire in floor.wires if wire.kind is WebSocketType.PRIVATE and wire.venue == login.venue)
    wire.connection._succession.rest_s = wire.connection._succession._rested = 0.0
    floor.manager.suspect_private(login.venue, "an order was accepted, and nothing was told of it")
    placed = []
    while wire.connection.handovers == 0 or len(placed) < 5:
        placed.append(await floor.rest_below(f"mine-{len(placed)}"))
        await asyncio.sleep(0.15)
    placed.append(await floor.rest_below("the-last"))
    await until(lambda: any(order.client_id == "the-last" for order in floor.of(DataType.MY_ORDER)))
    assert [order.order_id for order in floor.of(DataType.MY_ORDER)] == [str(row["orderId"]) for row in placed]
    assert len(floor.desk.missed) == 1
    assert wire.connection.reconnects == 0
    assert floor.public_is_untouched()


async def test_a_listen_key_that_another_client_deletes_is_found_out_and_what_was_missed_is_told(
    floors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket lives on, answers pings and brings nothing. Its minute is a third of a second here."""
    monkeypatch.setattr("hoga.venues.binance.usdm_private._KEEP_EVERY_S", 0.3)
    floor = await floors(LOGINS[2])
    await floor.is_live()
    floor.simulator.inject(Fault(fault=FaultKind.LISTEN_KEY_GONE))
    await until(lambda: len(floor.desk.missed) == 2)
    last = floor.desk.missed[-1]
    assert last.from_ns is not None
    assert last.from_ns < last.to_ns
    await floor.is_live(2)
    await floor.rest_below("after")
    await until(lambda: any(order.client_id == "after" for order in floor.of(DataType.MY_ORDER)))
    assert floor.public_is_untouched()
