"""The public streams over real sockets."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from hoga.simulator.upbit.limits import UpbitLimits
from tests.simulator.upbit.conftest import caught_up
from tests.waiting import LONG_S, eventually

ALL_FORMATS = ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST")


def of(frames: list[Any], kind: str, code: str = "KRW-BTC") -> list[Any]:
    return [frame for frame in frames if frame.get("type") == kind and frame.get("code") == code]


@pytest.mark.parametrize("form", ALL_FORMATS)
async def test_one_snapshot_of_each_code_and_then_what_happens(upbit: Any, dial: Any, form: str) -> None:
    sim = await upbit(speed=10.0)
    client = await dial(sim)
    wishes = [
        {"type": kind, "codes": ["KRW-BTC", "KRW-XRP", "KRW-NOPE", "krw-eth"]} for kind in ("orderbook", "trade", "ticker", "candle.1s")
    ]
    await client.ask(*wishes, form=form)
    frames = [await client.frame() for _ in range(60)]
    if form.endswith("LIST"):
        assert all(isinstance(frame, list) and len(frame) == 1 for frame in frames)
        frames = [frame[0] for frame in frames]
    short = form.startswith("SIMPLE")
    kind, code, stream_type = ("ty", "cd", "st") if short else ("type", "code", "stream_type")
    heads = [(frame[kind], frame[code], frame[stream_type]) for frame in frames]
    snapshots = [head for head in heads if head[2] == "SNAPSHOT"]
    assert heads[:8] == snapshots
    assert {head[:2] for head in snapshots} == {(wish["type"], code) for wish in wishes for code in ("KRW-BTC", "KRW-XRP")}
    assert {head[0] for head in heads[8:]} == {"orderbook", "trade", "ticker", "candle.1s"}


async def test_trades_tickers_candles_and_books_agree_with_each_other_and_with_rest(upbit: Any, dial: Any, get: Any) -> None:
    sim = await upbit(speed=5.0)
    client = await dial(sim)
    await client.ask(
        *({"type": kind, "codes": ["KRW-BTC"]} for kind in ("trade", "ticker", "orderbook", "candle.1m", "candle.1s", "candle.240m"))
    )
    frames = await client.until(lambda seen: len(of(seen, "trade")) >= 25 and len(of(seen, "orderbook")) >= 30)
    frames += await caught_up(sim, client, len(frames))
    trades, tickers, books = (of(frames, kind) for kind in ("trade", "ticker", "orderbook"))
    ids = [trade["sequential_id"] for trade in trades]
    assert ids == sorted(set(ids))
    assert all(trade["sequential_id"] // 10_000 == trade["trade_timestamp"] for trade in trades)
    for earlier, later in zip(tickers, tickers[1:], strict=False):
        between = [
            trade["trade_volume"]
            for trade in trades[1:]
            if later["acc_trade_volume"] >= trade["trade_volume"]
            and earlier["trade_timestamp"] < trade["trade_timestamp"] <= later["trade_timestamp"]
        ]
        assert later["acc_trade_volume"] - earlier["acc_trade_volume"] == sum(between)
    assert tickers[-1]["trade_price"] == trades[-1]["trade_price"]
    assert tickers[-1]["acc_ask_volume"] + tickers[-1]["acc_bid_volume"] == tickers[-1]["acc_trade_volume"]
    four_hours = of(frames, "candle.240m")[-1]
    assert four_hours["trade_price"] == trades[-1]["trade_price"]
    seconds = {bar["candle_date_time_utc"]: bar for bar in of(frames, "candle.1s") if bar["stream_type"] == "REALTIME"}
    for begun, bar in list(seconds.items())[1:]:
        within = [trade for trade in trades if f"{trade['trade_date']}T{trade['trade_time']}" == begun]
        assert bar["candle_acc_trade_volume"] == sum(trade["trade_volume"] for trade in within)
        assert (bar["opening_price"], bar["trade_price"]) == (within[0]["trade_price"], within[-1]["trade_price"])
    _, told, _ = await get(sim, "orderbook?markets=KRW-BTC")
    same = [book for book in books if book["timestamp"] == told[0]["timestamp"]]
    assert [{**unit} for unit in same[-1]["orderbook_units"]] == told[0]["orderbook_units"]
    _, ticks, _ = await get(sim, "trades/ticks?market=KRW-BTC&count=20")
    assert [tick["sequential_id"] for tick in ticks] == ids[:-21:-1]
    assert [tick["trade_volume"] for tick in ticks] == [trade["trade_volume"] for trade in trades[:-21:-1]]
    _, ticker, _ = await get(sim, "ticker?markets=KRW-BTC")
    assert ticker[0]["acc_trade_volume"] == tickers[-1]["acc_trade_volume"]
    _, days, _ = await get(sim, "candles/days?market=KRW-BTC")
    assert days[0]["candle_acc_trade_volume"] == tickers[-1]["acc_trade_volume"]


async def test_books_are_ordered_thirty_deep_and_on_the_market_s_own_grid(upbit: Any, dial: Any) -> None:
    sim = await upbit(speed=5.0)
    client = await dial(sim)
    await client.ask({"type": "orderbook", "codes": ["KRW-BTC", "BTC-DOGE"]})
    frames = await client.until(lambda seen: len(of(seen, "orderbook")) >= 20)
    books = of(frames, "orderbook")
    assert len({book["timestamp"] % 100 for book in books}) == 1
    for book in books:
        units = book["orderbook_units"]
        asks, bids = ([unit[name] for unit in units] for name in ("ask_price", "bid_price"))
        assert len(units) == 30
        assert asks == sorted(set(asks))
        assert bids == sorted(set(bids), reverse=True)
        assert asks[0] > bids[0]
        assert book["total_ask_size"] == sum(unit["ask_size"] for unit in units)
    assert all(earlier["orderbook_units"] != later["orderbook_units"] for earlier, later in zip(books, books[1:], strict=False))
    thin = of(frames, "orderbook", "BTC-DOGE")[0]["orderbook_units"]
    assert len(thin) == 30
    assert [unit["bid_size"] for unit in thin if not unit["bid_price"]] == [0] * sum(not unit["bid_price"] for unit in thin)
    assert not thin[-1]["bid_price"]


async def test_depths_and_groupings_are_cuts_of_the_same_book(upbit: Any, dial: Any) -> None:
    sim = await upbit()
    client = await dial(sim)
    await client.ask(
        {"type": "orderbook", "codes": ["KRW-BTC"]},
        {"type": "orderbook", "codes": ["KRW-BTC.5"]},
        {"type": "orderbook", "codes": ["KRW-BTC"], "level": 10_000},
        {"type": "orderbook", "codes": ["KRW-ETH"], "level": 7},
        {"type": "orderbook", "codes": ["BTC-DOGE"], "level": 10},
    )
    whole, five, grouped = [await client.frame() for _ in range(3)]
    assert five["orderbook_units"] == whole["orderbook_units"][:5]
    assert grouped["level"] == 10_000
    assert all(unit["ask_price"] % 10_000 == 0 == unit["bid_price"] % 10_000 for unit in grouped["orderbook_units"])
    first = grouped["orderbook_units"][0]
    inside = [unit["ask_size"] for unit in whole["orderbook_units"] if unit["ask_price"] <= first["ask_price"]]
    assert sum(inside) == first["ask_size"]
    later = await client.until(lambda seen: any(frame["level"] for frame in seen))
    assert {(frame["code"], frame["stream_type"]) for frame in later} == {("KRW-BTC", "REALTIME")}


async def test_a_replacement_leaves_nothing_of_the_old_but_a_moment(upbit: Any, dial: Any) -> None:
    sim = await upbit()
    client = await dial(sim)
    await client.ask({"type": "orderbook", "codes": ["KRW-BTC"]})
    await client.frame()
    await client.ask({"type": "orderbook", "codes": ["KRW-ETH"]})
    frames = await client.until(lambda seen: of(seen, "orderbook", "KRW-ETH"))
    assert frames[-1]["stream_type"] == "SNAPSHOT"
    await eventually(lambda: list(sim.board.subscribers) == ["KRW-ETH@orderbook"], why="the replaced stream was never let go")
    await client.socket.ping(b"all of before is read")
    while (await client.socket.receive(LONG_S)).type is not aiohttp.WSMsgType.PONG:
        pass
    assert {frame["code"] for frame in [await client.frame() for _ in range(8)]} == {"KRW-ETH"}


async def test_what_streams_already_is_not_told_again(upbit: Any, dial: Any) -> None:
    sim = await upbit()
    client = await dial(sim)
    await client.ask({"type": "orderbook", "codes": ["KRW-BTC"]})
    await client.frame()
    await client.ask(
        {"type": "orderbook", "codes": ["KRW-BTC"], "is_only_realtime": True},
        {"type": "trade", "codes": ["KRW-ETH"], "is_only_snapshot": True},
    )
    frames = await client.until(lambda seen: any(frame["stream_type"] == "SNAPSHOT" for frame in seen))
    frames += [await client.frame() for _ in range(8)]
    assert [(frame["type"], frame["code"]) for frame in frames if frame["stream_type"] == "SNAPSHOT"] == [("trade", "KRW-ETH")]
    assert all(frame["code"] == "KRW-BTC" for frame in frames if frame["stream_type"] == "REALTIME")


async def test_a_connection_without_traffic_is_cut_without_a_word(upbit: Any, dial: Any) -> None:
    sim = await upbit(speed=200.0)
    client = await dial(sim)
    assert await client.end() == 1006
    truth = sim.truth.connections[0]
    assert truth.close == "1006 idle"
    # 60.5 s from the handshake on; at this speed 10 s are 50 ms between the two places where it is noted
    assert 50 < (truth.closed_ns - truth.opened_ns) / 1e9 < 90


async def test_pings_and_the_text_ping_keep_it_open(upbit: Any, dial: Any) -> None:
    sim = await upbit(speed=200.0)
    client = await dial(sim)
    await client.socket.send_str("PING")
    assert [await client.raw() for _ in range(10)] == [b'{"status":"UP"}'] * 10
    assert not client.socket.closed
    other = await dial(sim)
    await other.socket.ping(b"there?")
    message = await other.socket.receive(LONG_S)
    assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"there?")


async def test_an_error_is_told_and_then_closed_with_1000(upbit: Any, dial: Any) -> None:
    sim = await upbit()
    client = await dial(sim)
    await client.socket.send_str("{}")
    assert (await client.frame())["error"]["name"] == "WRONG_FORMAT"
    assert await client.end() == 1000


async def test_too_many_messages_end_the_connection(upbit: Any, dial: Any) -> None:
    sim = await upbit(upbit=UpbitLimits(messages_per_s=2))
    client = await dial(sim)
    for _ in range(3):
        await client.ask({"type": "ticker", "codes": ["KRW-NOPE"]})
    assert (await client.frame())["error"]["name"] == "TOO_MANY_REQUEST"
    assert await client.end() == 1000


async def test_the_handshake_tells_the_budget_and_refuses_when_it_is_spent(upbit: Any, dial: Any) -> None:
    sim = await upbit(speed=0.05)  # the venue's second is twenty of a busy machine's
    first = await dial(sim)
    assert first.socket._response.headers["Remaining-Req"] == "group=websocket; min=300; sec=4"
    for _ in range(4):
        await dial(sim)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await dial(sim)
    assert refused.value.status == 429
    assert sim.status()["refused"] == {"429": 1}


async def test_an_origin_costs_ten_seconds(upbit: Any, dial: Any, get: Any) -> None:
    sim = await upbit()
    client = await dial(sim, headers={"Origin": "https://example.com"})
    assert client.socket._response.headers["Remaining-Req"] == "group=origin; min=6; sec=0"
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await dial(sim, headers={"Origin": "https://example.com"})
    assert (await get(sim, "market/all", headers={"Origin": "https://example.com"}))[0] == 200
    assert (await get(sim, "ticker?markets=KRW-BTC", headers={"Origin": "https://example.com"}))[0] == 429
    assert (await get(sim, "ticker?markets=KRW-BTC"))[0] == 200


async def test_both_venues_at_once_each_with_its_own_truth(simulate: Any, dial: Any, http: Any, upbit: Any) -> None:
    sim = await simulate(venues=("binance", "upbit"), symbols=("BTCUSDT", "KRW-BTC"))
    urls = {name: venue.urls for name, venue in sim.venues.items()}
    assert set(urls["upbit"]) == {"ws", "private", "rest"}
    async with http.get(urls["upbit"]["rest"] + "/v1/market/all") as reply:
        assert [row["market"] for row in await reply.json()] == ["KRW-BTC"]
    async with http.get(urls["binance"]["rest"] + "/api/v3/exchangeInfo") as reply:
        assert [row["symbol"] for row in (await reply.json())["symbols"]] == ["BTCUSDT"]
    socket = await http.ws_connect(urls["upbit"]["ws"] + "/websocket/v1")
    await socket.send_str(json.dumps([{"ticket": "t"}, {"type": "trade", "codes": ["KRW-BTC"]}]))
    await socket.receive(LONG_S)
    async with http.get(urls["upbit"]["rest"] + "/sim/status") as reply:
        status = await reply.json()
    assert status["venue"] == "upbit"
    assert status["streams"]["KRW-BTC@trade"]["answered"] == 1
    assert sim.status()["venue"] == "binance"
    await socket.close()


async def test_a_delisted_market_vanishes_without_a_word(upbit: Any, dial: Any, get: Any) -> None:
    sim = await upbit()
    client = await dial(sim)
    await client.ask({"type": "orderbook", "codes": ["KRW-BTC", "KRW-ETH"]})
    await client.until(lambda seen: len(seen) >= 4)
    sim.venues["upbit"].delist("KRW-BTC")
    await client.until(lambda seen: len(seen) >= 12 and not of(seen[-8:], "orderbook", "KRW-BTC"))
    assert "KRW-BTC" not in [row["market"] for row in (await get(sim, "market/all"))[1]]
    assert (await get(sim, "ticker?markets=KRW-BTC"))[0] == 404
