"""The futures wire through real sockets: routes, chains, and books that agree with one another."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hoga.simulator import Fault, FaultKind
from tests.waiting import LONG_S

Sides = tuple[dict[str, str], dict[str, str]]


def apply(book: Sides, frame: dict[str, Any]) -> None:
    for side, changes in zip(book, (frame["b"], frame["a"]), strict=True):
        for price, size in changes:
            side.pop(price, None)
            if Decimal(size):
                side[price] = size


def tops(book: Sides, count: int) -> tuple[list[list[str]], list[list[str]]]:
    bids = sorted(book[0].items(), key=lambda level: Decimal(level[0]), reverse=True)[:count]
    asks = sorted(book[1].items(), key=lambda level: Decimal(level[0]))[:count]
    return [list(level) for level in bids], [list(level) for level in asks]


async def test_snapshot_and_deltas_equal_partial_depth_and_book_ticker_at_every_shared_id(futures, connect, ask) -> None:
    sim = await futures()
    client = await connect(sim, "/public/stream?streams=btcusdt@depth@100ms/btcusdt@depth20@100ms/btcusdt@bookTicker/btcusdt@depth@0ms")
    frames = await client.until(lambda seen: sum(frame["stream"].endswith("depth@100ms") for frame in seen) >= 2)
    _, snapshot, _ = await ask(sim, "/fapi/v1/depth?symbol=BTCUSDT&limit=1000")
    behind = snapshot["lastUpdateId"]
    frames += await client.until(
        lambda seen: sum(frame["stream"].endswith("depth@100ms") and frame["data"]["u"] >= behind for frame in seen) >= 15
    )
    by_stream: dict[str, list[dict[str, Any]]] = {}
    for frame in frames:
        by_stream.setdefault(frame["stream"].partition("@")[2], []).append(frame["data"])
    for chain in ("depth@100ms", "depth@0ms"):
        assert all(later["pu"] == earlier["u"] for earlier, later in pairwise(by_stream[chain]))
        assert all(later["U"] > earlier["u"] for earlier, later in pairwise(by_stream[chain]))
        assert all(frame["U"] <= frame["u"] for frame in by_stream[chain])
        states = rebuilt(snapshot, by_stream[chain])
        assert len(states) >= 10
        compared = 0
        for top in by_stream["bookTicker"]:
            if top["u"] in states:
                compared += 1
                assert tops(states[top["u"]], 1) == ([[top["b"], top["B"]]], [[top["a"], top["A"]]])
        for partial in by_stream["depth20@100ms"]:
            if partial["u"] in states:
                compared += 1
                assert tops(states[partial["u"]], 20) == (partial["b"], partial["a"])
        assert compared >= 3
    pairs = list(zip(by_stream["depth20@100ms"], by_stream["depth@100ms"], strict=False))
    assert all((partial["U"], partial["u"], partial["pu"]) == (delta["U"], delta["u"], delta["pu"]) for partial, delta in pairs)


def rebuilt(snapshot: dict[str, Any], deltas: list[dict[str, Any]]) -> dict[int, Sides]:
    """The venue's procedure: the book after each delta, by id."""
    fresh = [delta for delta in deltas if delta["u"] >= snapshot["lastUpdateId"]]
    assert fresh[0]["U"] <= snapshot["lastUpdateId"] <= fresh[0]["u"]
    book: Sides = (dict(map(tuple, snapshot["bids"])), dict(map(tuple, snapshot["asks"])))
    states: dict[int, Sides] = {}
    for delta in fresh:
        apply(book, delta)
        states[delta["u"]] = (dict(book[0]), dict(book[1]))
    return states


async def test_each_speed_has_a_chain_of_its_own(futures, connect) -> None:
    sim = await futures()
    client = await connect(sim, "/public/stream?streams=btcusdt@depth@100ms/btcusdt@depth/btcusdt@depth@500ms")
    frames = await client.until(lambda seen: sum(frame["stream"].endswith("@500ms") for frame in seen) >= 3)
    last: dict[str, int] = {}
    counts: dict[str, int] = {}
    for frame in frames:
        assert last.get(frame["stream"], frame["data"]["pu"]) == frame["data"]["pu"]
        last[frame["stream"]] = frame["data"]["u"]
        counts[frame["stream"]] = counts.get(frame["stream"], 0) + 1
    assert counts["btcusdt@depth@100ms"] > counts["btcusdt@depth"] > counts["btcusdt@depth@500ms"]


async def test_a_stream_of_another_route_is_acked_listed_and_silent(futures, connect) -> None:
    sim = await futures()
    for path in ("/public/ws", "/ws"):
        client = await connect(sim, path)
        await client.send("SUBSCRIBE", ["btcusdt@aggTrade", "btcusdt@depth@100ms"], id=1)
        assert await client.reply() == {"result": None, "id": 1}
        await client.send("LIST_SUBSCRIPTIONS", id=2)
        assert (await client.reply())["result"] == ["btcusdt@aggTrade", "btcusdt@depth@100ms"]
        assert {frame["e"] for frame in await client.frames(3)} == {"depthUpdate"}
    market = await connect(sim, "/market/ws")
    await market.send("SUBSCRIBE", ["btcusdt@aggTrade", "btcusdt@depth@100ms"], id=1)
    assert await market.reply() == {"result": None, "id": 1}
    assert {frame["e"] for frame in await market.frames(3)} == {"aggTrade"}


async def test_request_ids_are_unsigned_or_text(futures, connect) -> None:
    client = await connect(await futures(), "/public/ws")
    for wrong in ("no blanks", -1, None, True):
        await client.send("SUBSCRIBE", ["btcusdt@depth"], id=wrong)
        assert (await client.reply())["error"]["code"] == 2
    await client.send("SUBSCRIBE", ["btcusdt@depth"], id=2**63)
    assert (await client.reply()) == {"result": None, "id": 2**63}
    await client.send("UNSUBSCRIBE", ["btcusdt@depth"], id="3f2c9a44-8f3e-4a60-9f67-0f2f0f6d1f11")
    assert (await client.reply())["result"] is None


async def test_ten_frames_a_second_pass_and_the_eleventh_does_not(futures, connect) -> None:
    client = await connect(await futures(), "/public/ws")
    for number in range(11):
        await client.send("LIST_SUBSCRIPTIONS", id=number)
    assert [(await client.reply())["id"] for _ in range(10)] == list(range(10))
    assert await client.end() == (1008, "Too many requests")


async def test_pings_come_after_minutes_and_wait_ten_for_an_answer(futures, connect) -> None:
    sim = await futures(speed=600.0)
    client = await connect(sim, "/public/ws")
    assert await client.end(within_s=10) == (1008, "Pong timeout")
    truth = sim.truth.connections[0]
    lived_s = (truth.closed_ns or sim.clock.now_ns()) - truth.opened_ns
    assert 700e9 < lived_s < 1_400e9
    assert 3 <= len(client.pings) <= 6
    assert all(ping.isdigit() for ping in client.pings)


async def test_trades_candles_and_mark_price_agree(futures, connect, ask) -> None:
    sim = await futures()
    streams = "/".join(f"btcusdt@{channel}" for channel in ("aggTrade", "kline_1m", "markPrice@1s", "ticker"))
    client = await connect(sim, f"/market/stream?streams={streams}")
    frames = await client.until(lambda seen: sum(frame["stream"].endswith("markPrice@1s") for frame in seen) >= 2)
    sim.engine.market("BTCUSDT").frozen = True
    trades = [frame["data"] for frame in frames if frame["stream"].endswith("aggTrade")]
    candles = [frame["data"]["k"] for frame in frames if frame["stream"].endswith("kline_1m")]
    marks = [frame["data"] for frame in frames if frame["stream"].endswith("markPrice@1s")]
    assert [later["a"] - earlier["a"] for earlier, later in pairwise(trades)] == [1] * (len(trades) - 1)
    assert [later["f"] - earlier["l"] for earlier, later in pairwise(trades)] == [1] * (len(trades) - 1)
    known = {trade["l"]: trade["p"] for trade in trades}
    assert any(candle["L"] in known for candle in candles)
    assert all(known[candle["L"]] == candle["c"] for candle in candles if candle["L"] in known)
    assert all(Decimal(candle["l"]) <= Decimal(candle["c"]) <= Decimal(candle["h"]) for candle in candles)
    low = min(Decimal(trade["p"]) for trade in trades) * Decimal("0.999")
    high = max(Decimal(trade["p"]) for trade in trades) * Decimal("1.001")
    assert all(low < Decimal(mark[key]) < high for mark in marks for key in ("p", "i", "ap", "P"))
    assert all(mark["T"] % 28_800_000 == 0 and mark["T"] > mark["E"] for mark in marks)
    _, premium, _ = await ask(sim, "/fapi/v1/premiumIndex?symbol=BTCUSDT")
    assert low < Decimal(premium["markPrice"]) < high
    assert premium["nextFundingTime"] == marks[-1]["T"]


async def test_liquidations_are_single_objects_also_on_the_array_stream(futures, connect) -> None:
    sim = await futures(speed=20.0)
    client = await connect(sim, "/market/stream?streams=!forceOrder@arr/btcusdt@aggTrade")
    frames = await client.until(
        lambda seen: any(frame["stream"] == "!forceOrder@arr" and frame["data"]["o"]["s"] == "BTCUSDT" for frame in seen)
    )
    event = frames[-1]["data"]
    assert event["e"] == "forceOrder"
    assert event["st"] == 1
    fills = [frame["data"] for frame in frames if frame["stream"].endswith("aggTrade") and frame["data"]["T"] == event["o"]["T"]]
    assert sum(Decimal(fill["q"]) for fill in fills) == Decimal(event["o"]["q"])
    assert fills[-1]["p"] == event["o"]["p"]


async def test_mark_prices_of_all_come_in_two_frames_with_the_other_product_among_them(futures, connect) -> None:
    client = await connect(await futures(), "/market/stream?streams=!markPrice@arr@1s")
    first, second = [(await client.frame())["data"] for _ in range(2)]
    assert {row["s"]: row["st"] for row in first} == {"BTCUSDT": 1, "BTCUSD_PERP": 2, "ETHUSDT": 1}
    assert [(row["s"], row["T"], row["st"]) for row in second] == [("XAUUSDT", 0, 1)]
    assert first[0]["E"] == second[0]["E"]


async def test_faults_reach_futures_frames(futures, connect) -> None:
    sim = await futures()
    client = await connect(sim, "/public/stream?streams=btcusdt@depth@100ms")
    frames = await client.frames(1)
    active = sim.inject(Fault(fault=FaultKind.DROP, count=2))
    frames += await client.frames(20)
    assert active.affected == {"btcusdt@depth@100ms": 2}
    assert sum(later["data"]["pu"] != earlier["data"]["u"] for earlier, later in pairwise(frames)) == 1


async def test_no_notice_before_a_shutdown(futures, connect) -> None:
    sim = await futures()
    client = await connect(sim, "/public/ws")
    sim.inject(Fault(fault=FaultKind.SERVER_SHUTDOWN, after_s=0.05))
    assert await client.end() == (1001, "")
    assert client.received == 0


async def test_a_delisted_contract_falls_silent_and_settles(futures, connect, ask) -> None:
    sim = await futures()
    client = await connect(sim, "/public/stream?streams=btcusdt@depth@100ms/ethusdt@depth@100ms")
    await client.frame()
    sim.inject(Fault(fault=FaultKind.DELIST, symbol="BTCUSDT"))
    await asyncio.sleep(0)
    await client.caught_up(sim)
    assert {frame["stream"] for frame in await client.frames(5)} == {"ethusdt@depth@100ms"}
    _, info, _ = await ask(sim, "/fapi/v1/exchangeInfo")
    assert {entry["symbol"]: entry["status"] for entry in info["symbols"]} == {"BTCUSDT": "SETTLING", "ETHUSDT": "TRADING"}


async def test_spot_and_futures_side_by_side(simulate, connect, http) -> None:
    sim = await simulate(venues=("binance", "binance-usdm"))
    spot, futures = sim.venues["binance"].urls, sim.venues["binance-usdm"].urls
    async with (
        http.ws_connect(f"{spot['ws']}/ws/btcusdt@depth@100ms") as one,
        http.ws_connect(f"{futures['ws']}/public/ws/btcusdt@depth@100ms") as two,
    ):
        assert "pu" not in await one.receive_json(timeout=LONG_S)
        assert "pu" in await two.receive_json(timeout=LONG_S)
    async with http.get(f"{futures['rest']}/sim/status") as response:
        assert (await response.json())["venue"] == "binance-usdm"
