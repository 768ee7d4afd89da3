"""The futures venue's private ends: orders, positions, user streams by listen key, the dead-man's switch."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from hoga.simulator import Fault, FaultKind, Simulator
from tests.simulator.signing import ED25519_KEY, HMAC_KEY, OTHER_KEY, Trader

D = Decimal
VENUE = "binance-usdm"


@pytest.fixture
def listen(sim, connect, trader):
    """Open the account's user stream: (client, listen key)."""

    async def open_stream(path: str = "/private/ws/{key}") -> tuple[Any, str]:
        status, made = await trader.ask("POST", "/listenKey", signed=False)
        assert status == 200
        return await connect(sim, path.format(key=made["listenKey"])), made["listenKey"]

    return open_stream


def best(sim: Simulator) -> tuple[Decimal, Decimal]:
    market = sim.engine.market("BTCUSDT")
    tick = D(market.instrument.tick_e8) / D(10**8)
    return market.top.bid * tick, market.top.ask * tick


async def told(client: Any, kind: str, status: str | None = None) -> Any:
    """The next event of a kind (and order status)."""
    while True:
        event = await client.frame()
        if event["e"] == kind and status in (None, event.get("o", {}).get("X")):
            return event


async def test_a_position_is_opened_and_closed_and_every_event_agrees(sim, trader, listen, connect) -> None:
    public = await connect(sim, "/public/ws/btcusdt@trade")
    client, _ = await listen()
    status, reply = await trader.market("BUY", "0.200", newClientOrderId="in")
    assert (status, reply["status"]) == (200, "FILLED")
    assert "avgPrice" not in reply
    assert "cumQuote" not in reply
    new = await told(client, "ORDER_TRADE_UPDATE")
    assert (new["o"]["x"], new["o"]["X"], new["o"]["c"], "n" in new["o"]) == ("NEW", "NEW", "in", False)
    fills, position = [], {}
    while not fills or fills[-1]["o"]["X"] != "FILLED":
        lite, account, fill = [await client.frame() for _ in range(3)]
        assert [event["e"] for event in (lite, account, fill)] == ["TRADE_LITE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]
        assert lite["t"] == fill["o"]["t"]
        fills.append(fill)
        position = account["a"]["P"][0]
    assert sum(D(fill["o"]["l"]) for fill in fills) == D("0.2") == D(position["pa"])
    seen = [await public.frame() for _ in fills]
    assert [(trade["t"], trade["p"], trade["q"]) for trade in seen] == [(f["o"]["t"], f["o"]["L"], f["o"]["l"]) for f in fills]
    paid = sum(D(fill["o"]["l"]) * D(fill["o"]["L"]) for fill in fills)
    assert D(position["ep"]) == pytest.approx(paid / D("0.2"), abs=D("0.00001"))
    _, risk = await trader.ask("GET", "/fapi/v3/positionRisk", symbol="BTCUSDT")
    assert [(row["symbol"], D(row["positionAmt"])) for row in risk] == [("BTCUSDT", D("0.2"))]
    _, out = await trader.market("SELL", "0.500", reduceOnly="true")
    assert D(out["executedQty"]) == D("0.2")
    last = await told(client, "ORDER_TRADE_UPDATE", "FILLED")
    assert last["o"]["R"] is True
    _, trades = await trader.ask("GET", "/userTrades", symbol="BTCUSDT")
    sold = sum(D(row["quoteQty"]) for row in trades if row["side"] == "SELL")
    realized = sum(D(row["realizedPnl"]) for row in trades)
    assert realized == pytest.approx(sold - paid, abs=D("0.0001"))
    assert last["o"]["rp"] == trades[-1]["realizedPnl"]
    commission = sum(D(row["commission"]) for row in trades)
    _, money = await trader.ask("GET", "/fapi/v3/balance")
    assert D(money[0]["balance"]) == pytest.approx(D(100_000) + realized - commission, abs=D("0.0001"))
    assert (await trader.ask("GET", "/fapi/v3/positionRisk"))[1] == []


async def test_a_maker_pays_less_and_says_so(sim, trader, listen, http) -> None:
    client, _ = await listen()
    bid, _ = best(sim)
    other = Trader(http, sim, VENUE, key=OTHER_KEY)
    await other.market("BUY", "3.000")  # opens the spread
    status, placed = await trader.limit("BUY", "0.100", str(bid + D("0.10")), timeInForce="GTX")
    assert (status, placed["status"]) == (200, "NEW")
    _, sold = await other.market("SELL", "0.100")
    event = await told(client, "ORDER_TRADE_UPDATE", "FILLED")
    value = D("0.1") * (bid + D("0.10"))
    assert event["o"]["m"] is True
    assert D(event["o"]["n"]) == pytest.approx(value * D("0.0002"), abs=D("0.000001"))
    _, theirs = await other.ask("GET", "/userTrades", symbol="BTCUSDT", orderId=sold["orderId"])
    assert theirs[-1]["id"] == event["o"]["t"]
    assert D(theirs[-1]["commission"]) == pytest.approx(value * D("0.0005"), abs=D("0.000001"))


@pytest.mark.parametrize(
    "change, code",
    [
        ({"type": "STOP_MARKET"}, -4120),
        ({"type": "WISH"}, -1116),
        ({"positionSide": "LONG"}, -4061),
        ({"price": "80000.05"}, -4014),
        ({"price": "80000.001"}, -1111),
        ({"price": "200000.00"}, -4016),
        ({"quantity": "0.0001"}, -1111),
        ({"quantity": "0"}, -4003),
        ({"quantity": "99999999"}, -4005),
        ({"quantity": "0.000"}, -4003),
        ({"price": "85000.00", "quantity": "0.0005"}, -1111),
        ({"quantity": "60.000"}, -2019),
        ({"reduceOnly": "true"}, -2022),
        ({"timeInForce": "EVER"}, -1115),
        ({"symbol": "NOSUCH"}, -1121),
    ],
)
async def test_orders_are_judged_before_the_engine_sees_them(trader: Trader, change: dict[str, str], code: int) -> None:
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010", "price": "85000.00"}
    status, answer = await trader.ask("POST", "/order", **{**wanted, **change})
    assert (status, answer["code"]) == (400, code)
    assert (await trader.ask("GET", "/openOrders"))[1] == []


async def test_small_orders_post_only_and_fill_or_kill(sim, trader) -> None:
    bid, ask = best(sim)
    eth = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
    assert (await trader.ask("POST", "/order", **eth))[1]["code"] == -4164
    assert (await trader.limit("BUY", "0.010", str(ask), timeInForce="GTX"))[1]["code"] == -5022
    assert (await trader.limit("BUY", "15.000", str(ask), timeInForce="FOK"))[1]["code"] == -5021
    assert (await trader.limit("BUY", "0.010", str(bid), newClientOrderId="a"))[1]["status"] == "NEW"
    assert (await trader.limit("BUY", "0.010", str(bid), newClientOrderId="a"))[1]["code"] == -4116
    assert len((await trader.ask("GET", "/openOrders", symbol="BTCUSDT"))[1]) == 1
    assert (await trader.ask("DELETE", "/allOpenOrders", symbol="BTCUSDT"))[1]["code"] == 200
    assert (await trader.ask("GET", "/order", symbol="BTCUSDT", origClientOrderId="a"))[1]["status"] == "CANCELED"
    assert (await trader.ask("DELETE", "/order", symbol="BTCUSDT", origClientOrderId="a"))[1]["code"] == -2011
    assert (await trader.ask("GET", "/order", symbol="BTCUSDT", orderId=1))[1]["code"] == -2013
    assert (trader.headers["X-MBX-USED-WEIGHT-1M"]) != "0"


async def test_orders_by_body_and_by_ed25519(sim, http) -> None:
    trader = Trader(http, sim, VENUE, key=ED25519_KEY)
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010", "price": "85000.00"}
    status, placed = await trader.ask("POST", "/order", body=True, **wanted)
    assert (status, placed["status"]) == (200, "NEW")
    assert trader.headers["X-MBX-ORDER-COUNT-1M"] == "1"
    same_account = Trader(http, sim, VENUE, key=HMAC_KEY)
    assert (await same_account.ask("GET", "/openOrders"))[1][0]["orderId"] == placed["orderId"]
    assert (await Trader(http, sim, VENUE, key=OTHER_KEY).ask("GET", "/openOrders"))[1] == []


async def test_a_countdown_cancels_unless_it_is_renewed(futures, http) -> None:
    sim = await futures(speed=50.0)
    sim.engine.market("BTCUSDT").frozen = True
    trader = Trader(http, sim, VENUE)
    await trader.limit("BUY", "0.010", "85000.00", recvWindow=60_000)
    _, armed = await trader.ask("POST", "/countdownCancelAll", symbol="BTCUSDT", countdownTime=20_000, recvWindow=60_000)
    assert armed == {"symbol": "BTCUSDT", "countdownTime": "20000"}
    async with asyncio.timeout(60):
        while (await trader.ask("GET", "/openOrders", recvWindow=60_000))[1]:
            await asyncio.sleep(0.02)
    _, orders = await trader.ask("GET", "/allOrders", symbol="BTCUSDT", recvWindow=60_000)
    assert [order["status"] for order in orders] == ["CANCELED"]


@pytest.mark.parametrize("path", ["/private/ws?listenKey={key}", "/private/ws/?listenKey={key}", "/private/stream?streams={key}"])
async def test_every_form_of_a_private_address_works(trader, listen, path: str) -> None:
    client, key = await listen(path)
    await trader.limit("BUY", "0.010", "85000.00")
    frame = await client.frame()
    if "/stream" in path:
        assert frame["stream"] == key
        frame = frame["data"]
    assert (frame["e"], frame["o"]["X"]) == ("ORDER_TRADE_UPDATE", "NEW")


async def test_events_can_be_filtered_by_the_address(trader, listen) -> None:
    client, _ = await listen("/private/ws?listenKey={key}&events=ACCOUNT_UPDATE")
    await trader.market("BUY", "0.010")
    assert [(await client.frame())["e"] for _ in range(1)] == ["ACCOUNT_UPDATE"]


async def test_keys_nobody_made_and_market_streams_are_silent_on_private(sim, trader, connect) -> None:
    bogus = await connect(sim, "/private/ws/0123456789abcdef")
    await bogus.send("SUBSCRIBE", ["btcusdt@depth@100ms"], id=1)
    assert await bogus.reply() == {"result": None, "id": 1}
    await trader.limit("BUY", "0.010", "85000.00")
    await bogus.send("LIST_SUBSCRIPTIONS", id=2)
    assert (await bogus.frame())["result"] == ["0123456789abcdef", "btcusdt@depth@100ms"]


async def test_a_listen_key_is_extended_expires_and_the_socket_stays_open(futures, http, connect) -> None:
    sim = await futures(speed=1_000.0)
    sim.engine.market("BTCUSDT").frozen = True
    trader = Trader(http, sim, VENUE)
    assert (await trader.ask("PUT", "/listenKey", signed=False))[1]["code"] == -1125
    _, made = await trader.ask("POST", "/listenKey", signed=False)
    assert (await trader.ask("POST", "/listenKey", signed=False))[1] == made
    assert (await trader.ask("PUT", "/listenKey", signed=False)) == (200, made)
    client = await connect(sim, f"/private/ws/{made['listenKey']}", autoping=True)
    event = await client.frame(10)
    assert (event["e"], event["listenKey"]) == ("listenKeyExpired", made["listenKey"])
    assert (await trader.ask("PUT", "/listenKey", signed=False))[1]["code"] == -1125
    assert not client.socket.closed
    _, again = await trader.ask("POST", "/listenKey", signed=False)
    assert again != made


@pytest.mark.parametrize("kind", [FaultKind.KEY_REVOKED, FaultKind.KEY_EXPIRED])
async def test_a_key_that_goes_bad_ends_the_user_stream(sim, trader, listen, kind: FaultKind) -> None:
    client, key = await listen()
    sim.inject(Fault(fault=kind, key=HMAC_KEY.key))
    assert (await client.frame())["listenKey"] == key
    assert (await trader.ask("POST", "/listenKey", signed=False)) == (
        401,
        {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
    )
    assert (await trader.market("BUY", "0.010"))[1]["code"] == -2015


async def test_a_clock_a_minute_off_is_told(sim, trader) -> None:
    sim.inject(Fault(fault=FaultKind.CLOCK_STEP, ms=60_000))
    status, answer = await trader.ask("GET", "/openOrders", timestamp=trader.now_ms() - 60_000)
    assert (status, answer["code"]) == (400, -1021)
    _, clock = await trader.ask("GET", "/time", signed=False)
    assert clock["serverTime"] == pytest.approx(trader.now_ms(), abs=1_000)


async def test_the_key_sets_of_events_are_the_documented_ones(trader, listen) -> None:
    client, _ = await listen()
    await trader.market("BUY", "0.010")
    await told(client, "ORDER_TRADE_UPDATE")
    assert " ".join(await told(client, "TRADE_LITE")) == "e E T s q p m c S L l t i"
    account = await told(client, "ACCOUNT_UPDATE")
    assert " ".join(account) == "e E T a"
    assert " ".join(account["a"]["B"][0]) == "a wb cw bc"
    assert " ".join(account["a"]["P"][0]) == "s pa ep bep cr up mt iw ps"
    event = await told(client, "ORDER_TRADE_UPDATE")
    assert " ".join(event) == "e E T o"
    documented = "s c S o f q p ap sp x X i l z L N n T t b a m R wt ot ps cp pP si ss rp V pm gtd er"
    assert " ".join(event["o"]) == documented
