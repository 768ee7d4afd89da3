from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from hoga.simulator import Fault, FaultKind
from hoga.simulator.upbit.limits import UpbitLimits
from hoga.simulator.upbit.token import Account
from tests.simulator.upbit.conftest import bearer


async def test_ten_calls_of_a_group_pass_and_the_eleventh_does_not(upbit: Any, get: Any) -> None:
    sim = await upbit()
    told = [await get(sim, "candles/minutes/1?market=KRW-BTC") for _ in range(14)]
    refused = [(body, headers) for status, body, headers in told if status == 429]
    assert told[0][2]["Remaining-Req"] == "group=candles; min=600; sec=9"
    assert told[0][2]["Limit-By-Ip"] == "Yes"
    assert refused
    assert all(body == b"Too many API requests." and "Retry-After" not in headers for body, headers in refused)
    assert (await get(sim, "ticker?markets=KRW-BTC"))[0] == 200


async def test_going_on_is_418(upbit: Any, get: Any) -> None:
    sim = await upbit(speed=0.01, upbit=UpbitLimits(quotation_per_s=1, refusals_before_ban=2))
    statuses = [(await get(sim, "ticker?markets=KRW-BTC"))[0] for _ in range(5)]
    assert statuses == [200, 429, 429, 418, 418]


async def test_candles_come_newest_first_before_a_moment(upbit: Any, get: Any) -> None:
    sim = await upbit(speed=20.0)
    await get(sim, "ticker?markets=KRW-BTC")
    rows: list[Any] = []
    while len(rows) < 6:
        _, rows, _ = await get(sim, "candles/seconds?market=KRW-BTC&count=200")
        if rows == b"Too many API requests.":
            rows = []
    begun = [row["candle_date_time_utc"] for row in rows]
    assert begun == sorted(set(begun), reverse=True)
    assert (await get(sim, f"candles/seconds?market=KRW-BTC&count=1&to={begun[2]}"))[1][0]["candle_date_time_utc"] == begun[3]
    kst = rows[2]["candle_date_time_kst"]
    assert (await get(sim, f"candles/seconds?market=KRW-BTC&count=1&to={kst}%2B09:00"))[1][0]["candle_date_time_utc"] == begun[3]
    assert (await get(sim, "candles/seconds?market=KRW-BTC&to=yesterday"))[0] == 400


async def test_trades_by_cursor_and_by_clock(upbit: Any, get: Any) -> None:
    sim = await upbit(start_ns=1_795_163_415_120_000_000)
    _, rows, _ = await get(sim, "trades/ticks?market=KRW-BTC&count=500")
    ids = [row["sequential_id"] for row in rows]
    assert ids == sorted(ids, reverse=True)
    _, older, _ = await get(sim, f"trades/ticks?market=KRW-BTC&count=3&cursor={ids[4]}")
    assert [row["sequential_id"] for row in older] == ids[5:8]
    clock = rows[0]["trade_time_utc"].replace(":", "")
    _, before, _ = await get(sim, f"trades/ticks?market=KRW-BTC&count=500&to={clock}")
    assert all(row["trade_time_utc"].replace(":", "") < clock for row in before)
    assert (await get(sim, "trades/ticks?market=KRW-BTC&days_ago=1"))[1] == []
    assert (await get(sim, "trades/ticks?market=KRW-BTC&days_ago=8"))[0] == 400


async def test_books_are_cut_grouped_and_clamped(upbit: Any, get: Any) -> None:
    sim = await upbit()
    _, rows, _ = await get(sim, "orderbook?markets=krw-btc,BTC-DOGE&count=99")
    assert [(row["market"], len(row["orderbook_units"])) for row in rows] == [("KRW-BTC", 30), ("BTC-DOGE", 30)]
    assert list(rows[0]["orderbook_units"][0]) == ["bid_price", "bid_size", "ask_price", "ask_size"]
    assert (await get(sim, "orderbook?markets=KRW-BTC&level=7"))[1] == []
    assert (await get(sim, "orderbook?markets=KRW-BTC&level=10000&count=1"))[1][0]["level"] == 10_000


async def test_all_tickers_of_a_quote_currency(upbit: Any, get: Any) -> None:
    sim = await upbit()
    assert [row["market"] for row in (await get(sim, "ticker/all?quote_currencies=BTC"))[1]] == ["BTC-DOGE"]
    assert len((await get(sim, "ticker/all"))[1]) == 4


async def test_rest_faults_touch_upbit_too(upbit: Any, get: Any) -> None:
    sim = await upbit()
    sim.inject(Fault(fault=FaultKind.REST_ERROR, status=503, paths="/v1/ticker", count=1))
    assert (await get(sim, "ticker?markets=KRW-BTC"))[0] == 503
    assert (await get(sim, "ticker?markets=KRW-BTC"))[0] == 200


async def test_an_order_is_accepted_although_the_answer_is_500(upbit: Any, http: aiohttp.ClientSession) -> None:
    sim = await upbit()
    sim.inject(Fault(fault=FaultKind.REPLY_LOST, status=500, paths="/v1/orders", count=1))
    wish = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100000000", "volume": "0.001", "identifier": "once"}
    query = "&".join(f"{key}={value}" for key, value in wish.items())
    async with http.post(f"{sim.rest_url}/v1/orders", json=wish, headers=bearer(query=query)) as reply:
        assert reply.status == 500
    async with http.get(f"{sim.rest_url}/v1/order?identifier=once", headers=bearer(query="identifier=once")) as reply:
        assert (await reply.json())["state"] == "wait"


@pytest.mark.parametrize("path", ["accounts", "orders/open", "orders/chance?market=KRW-BTC", "api_keys"])
async def test_without_a_key_nothing_private_is_told(upbit: Any, get: Any, path: str) -> None:
    sim = await upbit()
    status, body, _ = await get(sim, path)
    assert (status, body["error"]["name"]) == (401, "no_authorization_token")
    status, body, _ = await get(sim, path, headers={"Authorization": "Bearer a.b.c"})
    assert (status, body["error"]["name"]) == (401, "jwt_verification")


async def test_a_query_must_be_the_one_that_was_signed(upbit: Any, get: Any) -> None:
    sim = await upbit()
    status, body, _ = await get(sim, "orders/chance?market=KRW-BTC", headers=bearer(query="market=KRW-ETH"))
    assert (status, body["error"]["name"]) == (401, "invalid_query_payload")
    status, body, headers = await get(sim, "orders/chance?market=KRW-BTC", headers=bearer(query="market=KRW-BTC"))
    assert (status, body["bid_fee"], body["market"]["bid"]["min_total"]) == (200, "0.0005", "5000")
    assert headers["Remaining-Req"] == "group=default; min=1800; sec=29"
    assert "Limit-By-Ip" not in headers


async def test_a_body_that_is_no_object_is_a_bad_request(upbit: Any, http: aiohttp.ClientSession) -> None:
    sim = await upbit()
    async with http.post(f"{sim.rest_url}/v1/orders", data=b"[]", headers=bearer() | {"Content-Type": "application/json"}) as reply:
        assert (reply.status, json.loads(await reply.text())["error"]["name"]) == (400, "invalid_parameter")


async def test_accounts_are_kept_apart(upbit: Any, get: Any) -> None:
    other = Account(name="other", access_key="other", secret_key="another secret of forty characters or so", balances=(("KRW", "7"),))
    sim = await upbit(upbit_accounts=(Account(), other))
    rows = (await get(sim, "accounts", headers=bearer(account=other)))[1]
    assert [(row["currency"], row["balance"]) for row in rows] == [("KRW", "7")]


async def test_an_order_is_refused_by_name_or_done_and_cut(upbit: Any, http: aiohttp.ClientSession) -> None:
    sim = await upbit()
    sim.inject(Fault(fault=FaultKind.REST_ERROR, status=400, name="create_bid_error", paths="/v1/orders", orders="no", reason="no"))
    sim.inject(Fault(fault=FaultKind.REPLY_LOST, status=0, paths="/v1/orders", methods="POST", symbol="KRW-BTC", orders="cut"))
    wish = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100000000", "volume": "0.001"}
    for identifier in ("no", "cut"):
        body = {**wish, "identifier": identifier}
        query = "&".join(f"{key}={value}" for key, value in body.items())
        asked = http.post(f"{sim.rest_url}/v1/orders", json=body, headers=bearer(query=query))
        if identifier == "no":
            async with asked as reply:
                assert (reply.status, (await reply.json())["error"]) == (400, {"name": "create_bid_error", "message": "no"})
        else:
            with pytest.raises(aiohttp.ClientError):
                await asked
    for identifier, state in (("no", None), ("cut", "wait")):
        async with http.get(f"{sim.rest_url}/v1/order?identifier={identifier}", headers=bearer(query=f"identifier={identifier}")) as reply:
            assert (await reply.json()).get("state") == state
