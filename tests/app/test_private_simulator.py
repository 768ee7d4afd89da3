"""Private streams through the whole client, against the simulated exchange: orders placed over REST come back as events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest_asyncio

from hoga.app.config import Config, load_config
from hoga.app.hub import wires_of
from hoga.core.market import DataType
from hoga.core.secret import Credentials, Secret
from hoga.hub.events import EpochEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.private import PrivateState
from hoga.hub.routing import Delivery
from hoga.hub.states import WebSocketType
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import Fault, FaultKind
from hoga.simulator.upbit.token import Account
from hoga.venues.private import Trouble
from hoga.venues.registry import VENUES
from hoga.venues.upbit.auth import bearer
from tests.app.test_private import Desk, until

ACCOUNT = Account()


def upbit_config(simulator: Simulator, account: Account = ACCOUNT) -> Config:
    values = {"WS_URL": simulator.ws_url, "REST_URL": simulator.rest_url, "WS_PRIVATE_URL": simulator.ws_url, "BASE_BACKOFF": "1"}
    keys = {"HOGA_UPBIT__API_KEY": account.access_key, "HOGA_UPBIT__API_SECRET": account.secret_key}
    return load_config(None, overrides=[f"upbit.{name}={value}" for name, value in values.items()], environ=keys)


class Floor:
    """A simulated Upbit, a manager with public and private wires, a chart, and a desk that trades."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession, account: Account) -> None:
        self.simulator = simulator
        self.http = http
        self.manager = GlobalWebSocketManager(wires_of(upbit_config(simulator, account)), VENUES)
        self.manager.start()
        self.desk, self.chart = Desk(), Desk()
        self.credentials = Credentials(key=Secret(ACCOUNT.access_key), secret=Secret(ACCOUNT.secret_key))

    async def open(self) -> None:
        wishes = [SubscriptionSpec(DataType.TRADE, ["KRW-BTC"])]
        tell = self.chart.tell
        await self.manager.register_component("chart", self.chart, wishes, self.chart.take, delivery=Delivery.INLINE, on_status=tell)
        types = (DataType.MY_ORDER, DataType.MY_FILL, DataType.MY_ASSET)
        wishes = [SubscriptionSpec(each, [], venue="upbit") for each in types]
        await self.manager.register_component("desk", self.desk, wishes, self.desk.take, delivery=Delivery.INLINE, on_status=self.desk.tell)

    async def order(self, **wish: str) -> Any:
        wish = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", **wish}
        token = bearer(self.credentials, str(uuid4()), "&".join(f"{name}={value}" for name, value in wish.items()))
        headers = {"Authorization": token.reveal()}
        async with self.http.post(f"{self.simulator.rest_url}/v1/orders", json=wish, headers=headers) as reply:
            assert reply.status == 201, await reply.text()
            return await reply.json()

    def of(self, data_type: DataType) -> list[Any]:
        return [event.body for event in self.desk.events if event.data_type is data_type]

    def public_is_untouched(self) -> bool:
        metrics = [each for each in self.manager.get_connection_metrics().values() if each.connection_type is WebSocketType.PUBLIC]
        epochs = [(each.epoch, each.up) for each in self.chart.seen if isinstance(each, EpochEvent)]
        return [(each.epoch, each.reconnect_count) for each in metrics] == [(1, 0)] and epochs == [(1, True)]


@pytest_asyncio.fixture
async def floors() -> AsyncIterator[Any]:
    async with aiohttp.ClientSession() as http:
        made: list[Floor] = []

        async def build(account: Account = ACCOUNT, **settings: Any) -> Floor:
            simulator = Simulator(SimulatorConfig(venues=("upbit",), symbols=("KRW-BTC", "KRW-ETH"), seed=3, **settings))
            await simulator.__aenter__()
            made.append(Floor(simulator, http, account))
            await made[-1].open()
            return made[-1]

        yield build
        for floor in made:
            await floor.manager.stop()
            await floor.simulator.__aexit__(None, None, None)


async def test_orders_on_the_simulated_upbit_come_back_once_and_in_order(floors: Any) -> None:
    floor = await floors()
    await until(lambda: floor.desk.state() is PrivateState.LIVE and floor.chart.events)
    placed = []
    for number in range(8):
        placed.append(await floor.order(price="100000000", volume="0.001", identifier=f"mine-{number}"))
        await asyncio.sleep(0.12)
    await until(lambda: len(floor.of(DataType.MY_ORDER)) >= 8 and len(floor.of(DataType.MY_ASSET)) >= 8)
    orders = floor.of(DataType.MY_ORDER)
    assert [order.client_id for order in orders] == [f"mine-{number}" for number in range(8)]
    assert [order.order_id for order in orders] == [row["uuid"] for row in placed]
    assert {order.state for order in orders} == {"wait"}
    await floor.order(price="200000000", volume="0.01", identifier="crossing")
    await until(lambda: any(order.state == "done" for order in floor.of(DataType.MY_ORDER)))
    fills = floor.of(DataType.MY_FILL)
    assert sum(fill.quantity for fill in fills) == next(order.filled for order in floor.of(DataType.MY_ORDER) if order.state == "done")
    assert len({fill.fill_id for fill in fills}) == len(fills) > 0
    assert all(fill.client_id == "crossing" and fill.fee_currency == "KRW" for fill in fills)
    assert floor.public_is_untouched()


async def test_a_reset_private_connection_recovers_and_the_public_one_does_not_notice(floors: Any) -> None:
    floor = await floors()
    await until(lambda: floor.desk.state() is PrivateState.LIVE and floor.chart.events)
    await floor.order(price="100000000", volume="0.001", identifier="before")
    await until(lambda: floor.of(DataType.MY_ORDER))
    name = private_name(floor.simulator)
    floor.simulator.inject(Fault(fault=FaultKind.CLOSE, code=1006, connections=name))
    await until(lambda: floor.desk.has_been(PrivateState.LIVE, 2))
    await floor.order(price="100000000", volume="0.001", identifier="after")
    await until(lambda: len(floor.of(DataType.MY_ORDER)) == 2)
    assert [order.client_id for order in floor.of(DataType.MY_ORDER)] == ["before", "after"]
    assert [missed.from_ns is None for missed in floor.desk.missed] == [True, False]
    assert floor.public_is_untouched()


def private_name(simulator: Simulator) -> str:
    """Of the connection that is subscribed to the account's orders."""
    names = {each.name for stream, members in simulator.board.subscribers.items() if ACCOUNT.name in stream for each in members}
    [name] = names
    return str(name)


async def test_keys_the_simulated_upbit_does_not_like(floors: Any) -> None:
    wrong = await floors(account=Account(access_key="somebody-else", secret_key="x" * 40))
    expired = await floors(upbit_accounts=(Account(expired=True),))
    for floor, trouble in ((wrong, Trouble.KEY), (expired, Trouble.EXPIRED)):
        await until(lambda floor=floor: floor.desk.has_been(PrivateState.REJECTED) and floor.chart.events)
        assert floor.desk.refused().trouble is trouble
        assert floor.public_is_untouched()


async def test_a_key_revoked_on_the_simulated_upbit(floors: Any) -> None:
    floor = await floors()
    await until(lambda: floor.desk.state() is PrivateState.LIVE and floor.chart.events)
    venue = floor.simulator.venues["upbit"]
    accounts = venue._tokens._accounts
    account = accounts.pop(ACCOUNT.access_key)
    floor.simulator.inject(Fault(fault=FaultKind.CLOSE, code=1006, connections=private_name(floor.simulator)))
    await until(lambda: floor.desk.has_been(PrivateState.REJECTED))
    assert floor.desk.refused().trouble is Trouble.REVOKED
    accounts[ACCOUNT.access_key] = account
    await until(lambda: floor.desk.has_been(PrivateState.LIVE, 2))
    assert floor.public_is_untouched()
