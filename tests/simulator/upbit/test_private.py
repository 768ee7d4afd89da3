"""Orders over REST, and what the private stream tells about them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlencode

import aiohttp
import pytest
import pytest_asyncio

from hoga.core.times import DAY_NS, SECOND_NS, parse_time_ns
from hoga.simulator import Fault, FaultKind, Simulator
from hoga.simulator.engine import NewOrder, Side
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
    async with asyncio.timeout(LONG_S):
        while (after := (await public.frame())["orderbook_units"][0])["bid_size"] == best["bid_size"]:
            pass  # it was on its way before the order
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


async def test_orders_that_ended_are_told_of_seven_days_at_once(sim: Simulator, trader: Trader) -> None:
    row = await trader.place(price="100000000", volume="0.01")
    await trader.call("DELETE", "order", {"uuid": row["uuid"]})
    placed_ns = parse_time_ns(row["created_at"])

    async def listed(**days: int) -> tuple[int, Any]:
        window = {name: datetime.fromtimestamp((placed_ns + each * DAY_NS) // SECOND_NS, UTC).isoformat() for name, each in days.items()}
        status, rows = await trader.call("GET", "orders/closed", window)
        return status, [each["uuid"] for each in rows] if status == 200 else rows["error"]["name"]

    for window in ({}, {"start_time": -6}, {"end_time": 6}, {"start_time": -4, "end_time": 3}):
        assert await listed(**window) == (200, [row["uuid"]])
    for window in ({"start_time": -8}, {"end_time": 8}):
        assert await listed(**window) == (200, [])
    assert await listed(start_time=-4, end_time=4) == (400, "validation_error")


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


async def test_reserved_orders_are_listed_and_only_cancelled_by_name(sim: Simulator, trader: Trader) -> None:
    wish = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100000000", "volume": "0.001"}
    reserved = sim.venues["upbit"].act("main", "POST /v1/orders", wish | {"state": "watch"})
    assert reserved["state"] == "watch"
    resting = await trader.place(price="100000000", volume="0.001")
    assert {row["uuid"]: row["state"] for row in (await trader.call("GET", "orders/open"))[1]} == {
        reserved["uuid"]: "watch", resting["uuid"]: "wait",
    }  # fmt: skip
    assert len((await trader.call("GET", "orders/open", {"state": "wait"}))[1]) == 1
    assert (await trader.balance("KRW"))[1] == Decimal("200100")
    _, result = await trader.call("DELETE", "orders/open", {"cancel_side": "all", "count": "300"})
    assert [row["uuid"] for row in result["success"]["orders"]] == [resting["uuid"]]
    status, row = await trader.call("DELETE", "order", {"uuid": reserved["uuid"]})
    assert (status, row["state"]) == (200, "watch")
    assert (await trader.call("GET", "orders/open"))[1] == []
    assert await trader.balance("KRW") == (Decimal(100_000_000), 0)
    assert (await trader.place(price="100000000", volume="0.001", state="watch"))["state"] == "wait"  # by key it is no word


async def test_many_are_cancelled_by_filter_twenty_at_a_time_unless_told(sim: Simulator, trader: Trader) -> None:
    for n in range(24):
        sim.venues["upbit"].act("main", "POST /v1/orders", {
            "market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": str(90_000_000 + n * 1_000), "volume": "0.001",
        })  # fmt: skip
    _, result = await trader.call("DELETE", "orders/open", {"pairs": "KRW-BTC"})
    assert result["success"]["count"] == 20
    assert len(sim.venues["upbit"].account("main")["open_orders"]) == 4


async def test_ids_and_identifiers_name_many_orders_and_the_unknown_fail(sim: Simulator, trader: Trader) -> None:
    for n in range(3):
        await trader.place(price="100000000", volume="0.001", identifier=f"id-{n}")
    _, rows = await trader.call("GET", "orders/uuids", {"identifiers[]": ["id-0", "id-2", "nobody"]})
    assert [row["identifier"] for row in rows] == ["id-0", "id-2"]
    _, result = await trader.call("DELETE", "orders/uuids", {"identifiers[]": ["id-0", "nobody"]})
    assert (result["success"]["count"], result["failed"]) == (1, {"count": 1, "orders": [{"identifier": "nobody"}]})
    many = [f"id-{n}" for n in range(21)]
    assert (await trader.call("DELETE", "orders/uuids", {"identifiers[]": many}))[1]["error"]["name"] == "validation_error"
    assert (await trader.call("GET", "orders/uuids", {"identifiers[]": many}))[0] == 200


async def test_orders_are_denied_listed_of_before_filled_in_part_and_seen(sim: Simulator, trader: Trader) -> None:
    await trader.place(price="100000000", volume="0.001", identifier="there")
    sim.inject(Fault(fault=FaultKind.DENY_ORDER, orders="there"))
    assert (await trader.call("GET", "order", {"identifier": "there"}))[1]["error"]["name"] == "order_not_found"
    assert (await trader.call("DELETE", "order", {"identifier": "there"}))[0] == 404
    sim.clear_faults()
    sim.inject(Fault(fault=FaultKind.STALE_LISTING, ms=60_000))
    await trader.place(price="100000000", volume="0.001", identifier="new")
    assert [row["identifier"] for row in (await trader.call("GET", "orders/open", {"market": "KRW-BTC"}))[1]] == ["there"]
    assert (await trader.balance("KRW"))[1] == Decimal("100050")
    sim.clear_faults()
    sim.inject(Fault(fault=FaultKind.PARTIAL_MARKET, share=0.25, symbol="KRW-BTC", count=1))
    sold = await trader.place(side="ask", ord_type="market", volume="0.004", identifier="part")
    _, row = await trader.call("GET", "order", {"uuid": sold["uuid"]})
    assert (row["state"], row["executed_volume"], row["remaining_volume"]) == ("cancel", "0.001", "0.003")
    seen = [(each.client_id, each.does, each.done, each.answered) for each in sim.orders_seen()]
    assert seen == [
        ("there", "place", True, 201),
        ("there", "cancel", False, 404),
        ("new", "place", True, 201),
        ("part", "place", True, 201),
    ]


async def test_a_fill_is_never_told_and_a_prevented_trade_is(dial: Any, sim: Simulator, trader: Trader) -> None:
    client = await listen(dial, sim, {"type": "myOrder"})
    sim.inject(Fault(fault=FaultKind.LOST_EVENT, events="myOrder/trade/*"))
    sim.engine.market("KRW-BTC").frozen = True
    await trader.place(side="ask", ord_type="market", volume="0.001")
    assert [(await client.frame())["state"] for _ in range(2)] == ["wait", "done"]
    market = sim.engine.market("KRW-BTC")
    market.submit(NewOrder(Side.BUY, market.top.ask_lots, market.top.ask, rest=False), sim.clock.now_ns())
    top = market.top
    await trader.place(side="ask", price=str((top.ask - 1) * 1_000), volume="0.001", identifier="mine")
    await trader.place(price=str((top.ask - 1) * 1_000), volume="0.002", identifier="taker")
    frames = [await client.frame() for _ in range(4)]
    assert [(frame["identifier"], frame["state"]) for frame in frames] == [
        ("mine", "wait"), ("taker", "wait"), ("mine", "prevented"), ("mine", "cancel"),
    ]  # fmt: skip
    assert (frames[2]["prevented_volume"], frames[2]["prevented_locked"]) == (Decimal("0.001"), Decimal("0.001"))


@pytest.mark.parametrize(
    "wish", [{"pairs": ",".join(["KRW-BTC"] * 21)}, {"cancel_side": "both"}, {"pairs": "KRW-BTC", "quote_currencies": "KRW"}]
)
async def test_a_filter_that_makes_no_sense_cancels_nothing(trader: Trader, wish: dict[str, str]) -> None:
    await trader.place(price="100000000", volume="0.001")
    status, body = await trader.call("DELETE", "orders/open", wish)
    assert (status, body["error"]["name"]) == (400, "validation_error")
    assert len((await trader.call("GET", "orders/open"))[1]) == 1


async def test_a_key_that_only_reads_may_not_trade(sim: Simulator, trader: Trader) -> None:
    sim.inject(Fault(fault=FaultKind.KEY_READS))
    wish = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100000000", "volume": "0.001"}
    status, body = await trader.call("POST", "orders", wish)
    assert (status, body["error"]["name"]) == (403, "out_of_scope")
    assert (await trader.call("GET", "orders/open")) == (200, [])


async def test_an_account_is_told_what_is_put_in_its_stream(dial: Any, sim: Simulator) -> None:
    client = await listen(dial, sim, {"type": "myOrder"})
    sim.venues["upbit"].tell("main", '{"type":"myOrder","state":"dreamt"}')
    assert (await client.frame())["state"] == "dreamt"


async def test_the_venue_ends_orders_by_itself(sim: Simulator, trader: Trader) -> None:
    for name in ("a", "b"):
        await trader.place(price="100000000", volume="0.001", identifier=name)
    sim.inject(Fault(fault=FaultKind.EXPIRE_ORDER, orders="a"))
    assert [row["identifier"] for row in (await trader.call("GET", "orders/open"))[1]] == ["b"]
    assert (await trader.call("GET", "order", {"identifier": "a"}))[1]["state"] == "cancel"
