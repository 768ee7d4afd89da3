"""Spot's private ends through real sockets: orders that meet the engine, events that agree with fills and public trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from hoga.simulator import Fault, FaultKind, Simulator
from tests.simulator.signing import ED25519_KEY, HMAC_KEY, OTHER_KEY, ApiClient, Trader

D = Decimal


@pytest_asyncio.fixture
async def sim(simulate) -> Simulator:
    made = await simulate(symbols=("BTCUSDT", "ETHUSDT"))
    made.engine.market("BTCUSDT").frozen = True
    return made


@pytest.fixture
def trader(sim, http) -> Trader:
    return Trader(http, sim, "binance")


@pytest_asyncio.fixture
async def api(sim, http):
    sockets = []

    async def connect(key: Any = HMAC_KEY) -> ApiClient:
        trader = Trader(http, sim, "binance", key=key)
        sockets.append(await http.ws_connect(trader.urls["ws"] + "/ws-api/v3"))
        return ApiClient(sockets[-1], trader)

    yield connect
    for socket in sockets:
        await socket.close()


def best(sim: Simulator) -> tuple[Decimal, Decimal]:
    market = sim.engine.market("BTCUSDT")
    tick = D(market.instrument.tick_e8) / D(10**8)
    return market.top.bid * tick, market.top.ask * tick


async def balances(trader: Trader) -> dict[str, tuple[Decimal, Decimal]]:
    _, account = await trader.ask("GET", "/account")
    return {row["asset"]: (D(row["free"]), D(row["locked"])) for row in account["balances"]}


async def test_a_taker_is_told_of_every_fill_and_the_world_sees_the_same_trades(sim, trader, api, connect) -> None:
    public = await connect(sim, "/ws/btcusdt@trade")
    private = await api()
    assert (await private.ask("userDataStream.subscribe.signature", signed=True))["result"] == {"subscriptionId": 0}
    before = await balances(trader)
    status, reply = await trader.market("BUY", "0.30000", newClientOrderId="hoga-1")
    assert (status, reply["status"], reply["clientOrderId"]) == (200, "FILLED", "hoga-1")
    assert sum(D(fill["qty"]) for fill in reply["fills"]) == D("0.3")
    reports = [await private.told("executionReport") for _ in range(1 + len(reply["fills"]))]
    assert [report["x"] for report in reports] == ["NEW"] + ["TRADE"] * len(reply["fills"])
    assert reports[-1]["X"] == "FILLED"
    assert [(r["t"], r["L"], r["l"]) for r in reports[1:]] == [(f["tradeId"], f["price"], f["qty"]) for f in reply["fills"]]
    seen = [await public.frame() for _ in reply["fills"]]
    assert [(trade["t"], trade["p"], trade["q"], trade["m"]) for trade in seen] == [(r["t"], r["L"], r["l"], False) for r in reports[1:]]
    assert len({report["I"] for report in reports}) == len(reports)
    assert reports[-1]["Z"] == reply["cummulativeQuoteQty"]
    after = await balances(trader)
    paid = sum(D(fill["qty"]) * D(fill["price"]) for fill in reply["fills"])
    commission = sum(D(fill["commission"]) for fill in reply["fills"])
    assert before["USDT"][0] - after["USDT"][0] == pytest.approx(paid, abs=D("0.000001"))
    assert after["BTC"][0] - before["BTC"][0] == D("0.3") - commission
    assert {fill["commissionAsset"] for fill in reply["fills"]} == {"BTC"}


async def test_a_maker_rests_in_the_book_is_met_and_told(sim, trader, api, http) -> None:
    private = await api()
    await private.ask("userDataStream.subscribe.signature", signed=True)
    other = Trader(http, sim, "binance", key=OTHER_KEY)
    await other.market("BUY", "3.00000")  # opens the spread
    price = str(best(sim)[0] + D("0.01"))
    _, reply = await trader.limit("BUY", "0.10000", price)
    assert reply["status"] == "NEW"
    assert best(sim)[0] == D(price)
    placed = await private.told("outboundAccountPosition")
    assert {row["a"]: D(row["l"]) for row in placed["B"]}["USDT"] == D("0.1") * D(price)
    _, sold = await other.market("SELL", "0.04000")
    assert D(sold["fills"][0]["price"]) == D(price)
    report = await private.told("executionReport")
    while report["x"] != "TRADE":
        report = await private.told("executionReport")
    assert (report["X"], report["m"], D(report["l"]), D(report["z"])) == ("PARTIALLY_FILLED", True, D("0.04"), D("0.04"))
    assert report["t"] == sold["fills"][0]["tradeId"]
    _, status = await trader.ask("GET", "/order", symbol="BTCUSDT", orderId=reply["orderId"])
    assert (status["status"], D(status["executedQty"])) == ("PARTIALLY_FILLED", D("0.04"))
    _, ended = await trader.ask("DELETE", "/order", symbol="BTCUSDT", orderId=reply["orderId"], newClientOrderId="bye")
    assert (ended["status"], ended["clientOrderId"], ended["origClientOrderId"]) == ("CANCELED", "bye", reply["clientOrderId"])
    report = await private.told("executionReport")
    assert (report["x"], report["c"], report["C"], report["t"]) == ("CANCELED", "bye", reply["clientOrderId"], -1)
    assert all(locked == 0 for _, locked in (await balances(trader)).values())
    _, trades = await trader.ask("GET", "/myTrades", symbol="BTCUSDT")
    assert [(trade["id"], trade["isMaker"], trade["isBuyer"]) for trade in trades] == [(report_id(sold), True, True)]


def report_id(reply: dict[str, Any]) -> int:
    return int(reply["fills"][0]["tradeId"])


async def test_the_crowd_meets_resting_orders_too(simulate, http) -> None:
    sim = await simulate(symbols=("BTCUSDT",), speed=20.0)
    sim.engine.market("BTCUSDT")
    trader = Trader(http, sim, "binance")
    _, reply = await trader.limit("SELL", "0.00100", str(best(sim)[1]))
    while reply["status"] != "FILLED":
        _, reply = await trader.ask("GET", "/order", symbol="BTCUSDT", orderId=reply["orderId"])
    _, trades = await trader.ask("GET", "/myTrades", symbol="BTCUSDT", orderId=reply["orderId"])
    _, public = await trader.ask("GET", "/historicalTrades", signed=False, symbol="BTCUSDT", fromId=trades[0]["id"], limit=1)
    assert public[0]["price"] == trades[0]["price"]
    assert sum(D(trade["qty"]) for trade in trades) == D("0.001")


@pytest.mark.parametrize(
    "change, code",
    [
        ({"symbol": "NOSUCH"}, -1121),
        ({"side": "HOLD"}, -1117),
        ({"type": "LOTTERY"}, -1116),
        ({"type": "STOP_LOSS_LIMIT"}, -1102),
        ({"timeInForce": "EVER"}, -1115),
        ({"quantity": "0.000001"}, -1013),
        ({"quantity": "0.00001"}, -1013),
        ({"quantity": "0.0000000001"}, -1111),
        ({"quantity": "some"}, -1100),
        ({"price": "80000.001"}, -1013),
        ({"price": "1.00"}, -1013),
        ({"quantity": "900.00000"}, -1013),
        ({"newClientOrderId": "no blanks!"}, -1100),
        ({"newOrderRespType": "LOUD"}, -1130),
    ],
)
async def test_orders_are_judged_before_the_engine_sees_them(trader: Trader, change: dict[str, str], code: int) -> None:
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01000", "price": "80000.00"}
    status, answer = await trader.ask("POST", "/order", **{**wanted, **change})
    assert (status, answer["code"]) == (400, code)
    assert (await trader.ask("GET", "/openOrders"))[1] == []


async def test_what_rests_holds_its_money(trader: Trader) -> None:
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "85.00000", "price": "80000.00"}
    assert (await trader.ask("POST", "/order", **wanted))[0] == 200
    status, answer = await trader.ask("POST", "/order", **wanted)
    assert (status, answer["code"], answer["msg"]) == (400, -2010, "Account has insufficient balance for requested action.")


async def test_times_in_force_and_post_only(sim, trader) -> None:
    bid, ask = best(sim)
    _, killed = await trader.limit("BUY", "20.00000", str(ask), timeInForce="FOK")
    assert (killed["status"], killed["fills"]) == ("EXPIRED", [])
    _, rest = await trader.limit("BUY", "20.00000", str(ask), timeInForce="IOC")
    assert rest["status"] == "EXPIRED"
    assert 0 < D(rest["executedQty"]) < 20
    _, ask = best(sim)
    status, refused = await trader.ask("POST", "/order", symbol="BTCUSDT", side="BUY", type="LIMIT_MAKER", quantity="0.01", price=str(ask))
    assert (status, refused["code"]) == (400, -2010)
    assert "immediately match" in refused["msg"]
    _, posted = await trader.ask("POST", "/order", symbol="BTCUSDT", side="BUY", type="LIMIT_MAKER", quantity="0.01", price=str(bid))
    assert "status" not in posted
    assert (await trader.ask("DELETE", "/openOrders", symbol="BTCUSDT"))[1][0]["status"] == "CANCELED"
    status, nothing = await trader.ask("DELETE", "/openOrders", symbol="BTCUSDT")
    assert (status, nothing["code"]) == (400, -2011)


async def test_market_orders_by_turnover(trader: Trader) -> None:
    _, reply = await trader.ask("POST", "/order", symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty="1000")
    assert reply["status"] == "FILLED"
    assert D("998") < D(reply["cummulativeQuoteQty"]) <= D("1000")


async def test_client_ids_are_unique_while_open_only(sim, trader) -> None:
    price = str(best(sim)[0] - 100)
    await trader.limit("BUY", "0.01", price, newClientOrderId="twice")
    status, refused = await trader.limit("BUY", "0.01", price, newClientOrderId="twice")
    assert (status, refused["code"], refused["msg"]) == (400, -2010, "Duplicate order sent.")
    await trader.ask("DELETE", "/order", symbol="BTCUSDT", origClientOrderId="twice")
    assert (await trader.limit("BUY", "0.01", price, newClientOrderId="twice"))[1]["status"] == "NEW"


async def test_own_orders_never_trade_with_each_other(sim, trader) -> None:
    await trader.market("BUY", "3.00000")  # opens the spread
    middle = str(best(sim)[0] + D("0.01"))
    _, mine = await trader.limit("BUY", "0.01", middle)
    await trader.limit("SELL", "0.01", middle)
    _, status = await trader.ask("GET", "/order", symbol="BTCUSDT", orderId=mine["orderId"])
    assert status["status"] == "EXPIRED_IN_MATCH"


async def test_orders_cost_no_weight_but_count_until_they_are_filled(sim, trader) -> None:
    await trader.limit("BUY", "0.01", str(best(sim)[0] - 100))
    assert trader.headers["X-MBX-USED-WEIGHT-1M"] == "0"
    assert (trader.headers["X-MBX-ORDER-COUNT-10S"], trader.headers["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")
    await trader.market("BUY", "0.01")
    _, rates = await trader.ask("GET", "/rateLimit/order")
    assert rates[1] == {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000, "count": 1}
    status, _ = await trader.limit("BUY", "0.01", "1.00")
    assert status == 400
    assert trader.headers["X-MBX-USED-WEIGHT-1M"] == "41"


async def test_logging_on_and_asking_by_session(sim, api) -> None:
    client = await api(ED25519_KEY)
    assert (await client.ask("ping"))["result"] == {}
    assert (await client.ask("userDataStream.subscribe"))["error"]["code"] == -1002
    logged = await client.ask("session.logon", signed=True)
    assert logged["status"] == 200
    assert logged["result"]["apiKey"] == ED25519_KEY.key
    assert logged["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
    assert (await client.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
    assert (await client.ask("userDataStream.subscribe"))["error"]["code"] == -2035
    assert (await client.ask("account.status"))["error"]["code"] == -1102
    price = str(best(sim)[0] - 50)
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": price, "quantity": "0.01000"}
    placed = await client.ask("v3/order.place", stamped=True, newOrderRespType="ACK", **wanted)
    assert list(placed["result"]) == ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
    assert [limit["rateLimitType"] for limit in placed["rateLimits"]] == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
    assert (await client.told("executionReport"))["i"] == placed["result"]["orderId"]
    gone = await client.ask("order.cancel", stamped=True, symbol="BTCUSDT", orderId=placed["result"]["orderId"])
    assert gone["result"]["status"] == "CANCELED"
    assert (await client.ask("userDataStream.unsubscribe", subscriptionId=0))["result"] == {}
    assert (await client.ask("session.logout"))["result"]["apiKey"] is None
    assert (await client.ask("account.status", stamped=True))["error"]["code"] == -2014


async def test_only_ed25519_logs_on_and_methods_must_exist(api) -> None:
    client = await api()
    assert (await client.ask("session.logon", signed=True))["status"] == 400
    assert (await client.ask("order.wish"))["error"]["code"] == -1000
    assert (await client.ask("depth", symbol="NOSUCH"))["error"]["code"] == -1121
    await client.socket.send_str('{"id":[1],"method":"ping"}')
    assert (await client.frame())["id"] is None
    await client.socket.send_str("nonsense")
    assert (await client.frame())["status"] == 400


async def test_wrong_key_wrong_signature_and_a_clock_a_minute_off(sim, api) -> None:
    client = await api()
    right = client.trader.key
    client.trader.key = right._replace(secret="not the secret")
    assert (await client.ask("userDataStream.subscribe.signature", signed=True))["error"]["code"] == -1022
    client.trader.key = right._replace(key="x" * 64)
    refused = await client.ask("userDataStream.subscribe.signature", signed=True)
    assert (refused["status"], refused["error"]["code"]) == (401, -2015)
    client.trader.key = right
    for off_ms in (-60_000, 60_000):
        refused = await client.ask("userDataStream.subscribe.signature", signed=True, timestamp=client.trader.now_ms() + off_ms)
        assert (refused["status"], refused["error"]["code"]) == (400, -1021)
    honest_ms = client.trader.now_ms()
    sim.inject(Fault(fault=FaultKind.CLOCK_STEP, ms=60_000))
    refused = await client.ask("userDataStream.subscribe.signature", signed=True, timestamp=honest_ms)
    assert refused["error"]["code"] == -1021


@pytest.mark.parametrize("kind", [FaultKind.KEY_REVOKED, FaultKind.KEY_EXPIRED])
async def test_a_key_that_goes_bad_ends_session_and_stream(sim, api, kind: FaultKind) -> None:
    client = await api(ED25519_KEY)
    await client.ask("session.logon", signed=True)
    await client.ask("userDataStream.subscribe")
    active = sim.inject(Fault(fault=kind, key=ED25519_KEY.key))
    refused = await client.frame()
    assert (refused["id"], refused["status"], refused["error"]["code"]) == (None, 401, -2015)
    ended = await client.frame()
    assert ended["event"]["e"] == "eventStreamTerminated"
    assert (await client.ask("session.logon", signed=True))["error"]["code"] == -2015
    sim.desk.finish(active)
    assert (await client.ask("session.logon", signed=True))["status"] == 200


async def test_a_lost_reply_leaves_the_order_in_the_book(sim, trader) -> None:
    sim.inject(Fault(fault=FaultKind.REPLY_LOST, paths="/api/v3/order", status=504, count=1))
    status, answer = await trader.limit("BUY", "0.01", str(best(sim)[0] - 100), newClientOrderId="unknown")
    assert (status, answer["code"]) == (504, -1007)
    _, found = await trader.ask("GET", "/order", symbol="BTCUSDT", origClientOrderId="unknown")
    assert found["status"] == "NEW"


async def test_user_data_frames_feel_faults_and_are_counted(sim, trader, api) -> None:
    client = await api()
    await client.ask("userDataStream.subscribe.signature", signed=True)
    sim.inject(Fault(fault=FaultKind.DUPLICATE, streams="userData", count=1))
    await trader.limit("BUY", "0.01", str(best(sim)[0] - 100))
    first, again = [await client.event() for _ in range(2)]
    assert first == again
    assert (await client.event())["event"]["e"] == "outboundAccountPosition"
    assert sim.truth.status()["streams"]["userData"] == {"last_id": None, "produced": 0, "answered": 2, "sent": 2, "copies": 1, "odd": 0}


async def test_the_key_sets_of_events_are_the_documented_ones(sim, trader, api) -> None:
    client = await api()
    await client.ask("userDataStream.subscribe.signature", signed=True)
    await trader.limit("BUY", "0.01", str(best(sim)[0] - 100))
    report = await client.told("executionReport")
    assert " ".join(report) == "e E s c S o f q p P F g C x X r i l z L n N T t I w m M O Z Y Q W V"
    assert " ".join(await client.told("outboundAccountPosition")) == "e E u B"
    _, reply = await trader.limit("BUY", "0.01", str(best(sim)[0] - 100))
    documented = "symbol orderId orderListId clientOrderId transactTime price origQty executedQty origQuoteOrderQty cummulativeQuoteQty"
    assert " ".join(reply) == f"{documented} status timeInForce type side workingTime selfTradePreventionMode fills"


@pytest.mark.parametrize("status", [0, 503, 408])
async def test_an_order_by_socket_is_done_and_its_answer_lost(sim, trader, api, status: int) -> None:
    client = await api()
    sim.inject(Fault(fault=FaultKind.REPLY_LOST, paths="/api/v3/order", methods="POST", symbol="BTCUSDT", status=status, count=1))
    wish = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "80000.00"}
    if status:
        lost = await client.ask("order.place", signed=True, newClientOrderId="lost", **wish)
        assert (lost["status"], lost["error"]["code"]) == (status, -1007 if status == 408 else -1000)
    else:
        with pytest.raises(TypeError):
            await client.ask("order.place", signed=True, newClientOrderId="lost", **wish)
        assert client.socket.close_code == 1006
    (order,) = (await trader.ask("GET", "/openOrders"))[1]
    assert order["clientOrderId"] == "lost"
    assert [(each.client_id, each.does, each.done, each.answered) for each in sim.orders_seen()] == [("lost", "place", True, status)]


async def test_a_budget_that_a_fault_has_spent_says_until_when(sim, api) -> None:
    sim.inject(Fault(fault=FaultKind.REST_ERROR, paths="*/openOrders", status=429, retry_after_s=7, count=1))
    answer = await (await api()).ask("openOrders.status", signed=True)
    data = answer["error"]["data"]
    assert (answer["status"], answer["error"]["code"], data["retryAfter"] - data["serverTime"]) == (429, -1003, 7_000)


async def test_events_fall_silent_while_requests_and_pings_are_answered(sim, trader, api) -> None:
    client = await api()
    await client.ask("userDataStream.subscribe.signature", signed=True)
    sim.inject(Fault(fault=FaultKind.SILENT, events="?*"))
    await trader.market("BUY", "0.01")
    assert (await client.ask("ping"))["status"] == 200
    await client.socket.ping()
    assert client.events == []
    sim.clear_faults()
    await trader.market("BUY", "0.01")
    assert (await client.told("executionReport"))["x"] == "NEW"


async def test_a_key_may_trade_and_not_withdraw(trader) -> None:
    url = "/sapi/v1/account/apiRestrictions"
    trader.prefix = ""
    status, told = await trader.ask("GET", url)
    assert (status, told["enableSpotAndMarginTrading"], told["enableWithdrawals"]) == (200, True, False)
