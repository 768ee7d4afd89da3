"""The REST client as configured, against the simulated exchanges: what it signs they take, and what they say of limits it keeps."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio

from hoga.app.config import VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.app.private import credentials_of
from hoga.net.budgets import rest_budgets
from hoga.simulator import Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from hoga.venues.request import Priority, Request, Signer
from tests.app.test_private_binance import LOGINS, Login, config_of
from tests.app.test_private_simulator import upbit_config


@pytest_asyncio.fixture
async def exchange() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig(venues=("binance", "binance-usdm"), symbols=("BTCUSDT",), seed=11)) as made:
        made.engine.market("BTCUSDT").frozen = True
        yield made


def signer_of(config: VenueConfig) -> Signer:
    numbers = count()
    private = VENUES[config.venue].private
    assert private is not None
    return private.signer(credentials_of(config), lambda: f"nonce-{next(numbers)}")


@pytest.mark.parametrize("login", LOGINS, ids=["spot-hmac", "spot-ed25519", "usdm"])
async def test_binance_takes_what_was_signed_and_tells_how_much_is_used(exchange: Simulator, login: Login, tmp_path: Path) -> None:
    config = config_of(exchange, login, tmp_path).venue(login.venue)
    sign, spec = signer_of(config), VENUES[login.venue]
    account, order = {"binance": ("/api/v3/account", "/api/v3/order"), "binance-usdm": ("/fapi/v2/account", "/fapi/v1/order")}[login.venue]
    market = exchange.engine.market("BTCUSDT")
    price = (market.top.bid - 2000) * Decimal(market.instrument.tick_e8) / 10**8
    params = (("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "LIMIT"), ("timeInForce", "GTC"))
    params += (("quantity", "0.010"), ("price", f"{price:.1f}"), ("newClientOrderId", "one.of:ours/1"))
    async with rest_of(config) as rest:
        asked = await rest.send(Request(path=account, priority=Priority.ACCOUNT), sign=sign)
        assert asked.status == 200, asked.body
        groups = ("used-weight-1m", "order-count-10s")
        placed = await rest.send(Request(method="POST", path=order, params=params, groups=groups, priority=Priority.ORDERS), sign=sign)
        assert placed.status == 200, placed.body
        gone = (("symbol", "BTCUSDT"), ("origClientOrderId", "one.of:ours/1"))
        ended = await rest.send(Request(method="DELETE", path=order, params=gone, priority=Priority.EMERGENCY), sign=sign)
        assert json.loads(ended.body)["status"] == "CANCELED"
    budgets = rest_budgets(spec, config.rest_url)
    assert budgets["order-count-10s"].used(monotonic()) == 1
    assert budgets["used-weight-1m"].used(monotonic()) >= 3


async def test_upbit_takes_what_was_signed_and_tells_what_is_left() -> None:
    async with Simulator(SimulatorConfig(venues=("upbit",), symbols=("KRW-BTC",), seed=5)) as exchange:
        config = upbit_config(exchange).venue("upbit")
        sign = signer_of(config)
        async with rest_of(config) as rest:

            async def say(method: str, path: str, group: str, **params: str) -> Any:
                request = Request(method=method, path=path, params=tuple(params.items()), groups=(group,), priority=Priority.ORDERS)
                reply = await rest.send(request, sign=sign)
                assert reply.status in (200, 201), reply.body
                return json.loads(reply.body)

            assert await say("GET", "/v1/accounts", "default")
            order = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "volume": "0.001", "price": "50000000"}
            placed = await say("POST", "/v1/orders", "order", **order)
            assert (await say("GET", "/v1/order", "default", uuid=placed["uuid"]))["uuid"] == placed["uuid"]
            await say("DELETE", "/v1/order", "default", uuid=placed["uuid"])
        used = {group: budget.used(monotonic()) for group, budget in rest_budgets(VENUES["upbit"], config.rest_url).items()}
        assert set(used) == {"market", "orderbook", "ticker", "default", "order", "order-test", "order-cancel-all"}
