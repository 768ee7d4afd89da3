"""Orders over REST, and what the private stream tells about them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlencode

import aiohttp
import pytest
import pytest_asyncio

from hoga.simulator import Simulator
from hoga.simulator.upbit.limits import UpbitLimits
from tests.simulator.upbit.conftest import bearer, decoded, token
from tests.waiting import LONG_S


class Trader:
    """A client of the REST API that signs."""

    def __init__(self, http: aiohttp.ClientSession, sim: Simulator) -> None:
        self._http = http
        self._sim = sim

    async def call(self, method: str, path: str, parameters: dict[str, Any] | None = None) -> tuple[int, Any]:
        query = urlencode(parameters or {}, doseq=True)
        url, body = f"{self._sim.rest_url}/v1/{path}", None
        if method == "POST":
            body, query = parameters, "&".join(f"{key}={value}" for key, value in (parameters or {}).items())
        elif query:
            url += f"?{query}"
        async with self._http.request(method, url, json=body, headers=bearer(query=unquote(query))) as reply:
            return reply.status, decoded(await reply.read())

    async def place(self, **wish: str) -> Any:
        status, row = await self.call("POST", "orders", {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", **wish})
        assert status == 201, row
        return row

    async def balance(self, currency: str) -> tuple[Decimal, Decimal]:
        _, rows = await self.call("GET", "accounts")
        row = next(row for row in rows if row["currency"] == currency)
        return Decimal(row["balance"]), Decimal(row["locked"])


@pytest_asyncio.fixture
async def sim(upbit: Any) -> Simulator:
    return await upbit()


@pytest.fixture
def trader(http: aiohttp.ClientSession, sim: Simulator) -> Trader:
    return Trader(http, sim)


async def listen(dial: Any, sim: Simulator, *wishes: dict[str, Any], form: str | None = None) -> Any:
    client = await dial(sim, private=True)
    await client.ask(*(wishes or ({"type": "myOrder"}, {"type": "myAsset"})), form=form)
    while not sim.board.subscribers:
        await client.socket.ping()
        await client.socket.receive(LONG_S)
    return client


async def test_the_life_of_a_resting_order_is_told_as_it_happens(dial: Any, sim: Simulator, trader: Trader) -> None:
    client = await listen(dial, sim)
    row = await trader.place(price="100000000", volume="0.01", identifier="mine-1")
    assert (row["state"], row["volume"], row["locked"], row["reserved_fee"]) == ("wait", "0.01", "1000500", "500")
    waits, assets = await client.frame(), await client.frame()
    assert (waits["type"], waits["state"], waits["uuid"], waits["ask_bid"]) == ("myOrder", "wait", row["uuid"], "BID")
    assert (waits["identifier"], waits["price"], waits["trade_uuid"], waits["is_maker"]) == ("mine-1", 100_000_000, None, None)
    assert waits["order_timestamp"] % 1_000 == 0
    assert next((each["currency"], each["balance"], each["locked"]) for each in assets["assets"]) == ("KRW", 98_999_500, 1_000_500)
    status, before = await trader.call("DELETE", "order", {"uuid": row["uuid"]})
    assert (status, before["state"]) == (200, "wait")  # a cancel is accepted, not done
    assert (await client.frame())["state"] == "cancel"
    assert (await client.frame())["assets"][0]["locked"] == 0
    assert (await trader.call("GET", "order", {"identifier": "mine-1"}))[1]["state"] == "cancel"
    status, refused = await trader.call("DELETE", "order", {"uuid": row["uuid"]})
    assert (status, refused["error"]["name"]) == (404, "order_not_found")


async def test_a_crossing_order_trades_with_the_market_that_everybody_sees(dial: Any, sim: Simulator, trader: Trader) -> None:
    private, public = await listen(dial, sim), await dial(sim)
    await public.ask({"type": "trade", "codes": ["KRW-BTC"]})
    await public.frame()
    for market in sim.engine.markets.values():
        market.frozen = True
    row = await trader.place(ord_type="price", price="3000000")
    assert (row["state"], "volume" in row, row["price"]) == ("wait", False, "3000000")
    told = [await private.frame()]
    while told[-1]["type"] != "myAsset":
        told.append(await private.frame())
    assert [frame["state"] for frame in told[:-1]] == ["wait", *["trade"] * (len(told) - 3), "cancel"]
    fills = [(frame["price"], frame["volume"]) for frame in told if frame.get("state") == "trade"]
    seen: list[Any] = []
    while seen[-len(fills) :] != fills:  # others may have traded before the market stood still
        frame = await public.frame()
        seen += [(frame["trade_price"], frame["trade_volume"])] if frame["ask_bid"] == "BID" else []
    _, order = await trader.call("GET", "order", {"uuid": row["uuid"]})
    assert (order["state"], order["trades_count"]) == ("cancel", len(fills))
    assert sum(Decimal(trade["funds"]) for trade in order["trades"]) == Decimal(order["executed_funds"])
    assert told[-2]["executed_funds"] == Decimal(order["executed_funds"])
    assert await trader.balance("KRW") == (100_000_000 - Decimal(order["executed_funds"]) * Decimal("1.0005"), 0)
    assert (await trader.balance("BTC"))[0] == Decimal("1.5") + Decimal(order["executed_volume"])


async def test_a_resting_order_is_a_level_of_the_book(dial: Any, get: Any, sim: Simulator, trader: Trader) -> None:
    await get(sim, "ticker?markets=KRW-BTC")
    market = sim.engine.market("KRW-BTC")
    market.frozen = True
    public = await dial(sim)
    await public.ask({"type": "orderbook", "codes": ["KRW-BTC"]})
    best = (await public.frame())["orderbook_units"][0]
    await trader.place(price=f"{best['bid_price']:.0f}", volume="0.5")
    after = (await public.frame())["orderbook_units"][0]
    assert after["bid_size"] - best["bid_size"] == Decimal("0.5")


async def test_streams_tell_only_the_markets_asked_for(dial: Any, sim: Simulator, trader: Trader) -> None:
    client = await listen(dial, sim, {"type": "myOrder", "codes": ["KRW-ETH"]}, form="SIMPLE_LIST")
    await trader.place(price="100000000", volume="0.001")
    await trader.place(market="KRW-ETH", price="3000000", volume="0.1")
    (frame,) = await client.frame()
    assert (frame["ty"], frame["cd"], frame["s"], frame["ab"], frame["p"]) == ("myOrder", "KRW-ETH", "wait", "BID", 3_000_000)


async def test_lists_and_cancelling_many(sim: Simulator, trader: Trader) -> None:
    rows = [await trader.place(price=str(100_000_000 + n * 1_000), volume="0.001") for n in range(4)]
    ids = [row["uuid"] for row in rows]
    assert [row["uuid"] for row in (await trader.call("GET", "orders/open", {"limit": "2"}))[1]] == ids[:1:-1]
    assert [row["uuid"] for row in (await trader.call("GET", "orders/open", {"limit": "3", "page": "2", "order_by": "asc"}))[1]] == ids[3:]
    assert {row["uuid"] for row in (await trader.call("GET", "orders/uuids", {"uuids[]": ids[:2]}))[1]} == set(ids[:2])
    _, result = await trader.call("DELETE", "orders/uuids", {"uuids[]": [*ids[:2], "nobody"]})
    assert result["success"]["count"] == 2
    assert [row["uuid"] for row in (await trader.call("GET", "orders/closed", {"states[]": ["cancel"]}))[1]] == ids[1::-1]
    _, result = await trader.call("DELETE", "orders/open", {"cancel_side": "bid"})
    assert result["success"]["count"] == 2
    assert (await trader.call("GET", "orders/open"))[1] == []
    assert await trader.balance("KRW") == (Decimal(100_000_000), 0)


async def test_cancel_and_new_answers_with_the_previous_order(sim: Simulator, trader: Trader) -> None:
    first = await trader.place(price="100000000", volume="0.002")
    body = {"prev_order_uuid": first["uuid"], "new_ord_type": "limit", "new_price": "99000000", "new_volume": "remain_only"}
    status, row = await trader.call("POST", "orders/cancel_and_new", body)
    assert (status, row["uuid"], row["state"]) == (200, first["uuid"], "wait")
    _, new = await trader.call("GET", "order", {"uuid": row["new_order_uuid"]})
    assert (new["price"], new["volume"], new["state"]) == ("99000000", "0.002", "wait")


async def test_a_trial_order_is_judged_and_not_placed(sim: Simulator, trader: Trader) -> None:
    wish = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100000000", "volume": "0.01"}
    assert (await trader.call("POST", "orders/test", wish))[0] == 201
    assert (await trader.call("POST", "orders/test", wish | {"volume": "0.00001"}))[1]["error"]["name"] == "under_min_total_bid"
    assert (await trader.call("GET", "orders/open"))[1] == []


async def test_a_bad_token_is_refused_at_the_handshake_or_in_band(upbit: Any, dial: Any) -> None:
    sim = await upbit()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await dial(sim, private=True, headers={"Authorization": "Bearer x.y.z"})
    assert refused.value.status == 401
    used = {"Authorization": f"Bearer {token()}"}
    await dial(sim, private=True, headers=used)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await dial(sim, private=True, headers=used)
    assert refused.value.status == 401
    lenient = await upbit(upbit=UpbitLimits(auth_in_band=True))
    client = await dial(lenient, private=True, headers={})
    await client.ask({"type": "myAsset"})
    assert (await client.frame())["error"]["name"] == "INVALID_AUTH"
    assert await client.end() == 1000
