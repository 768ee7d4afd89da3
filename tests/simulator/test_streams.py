"""Market streams over a real socket, against the engine's own state."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from hoga.simulator import Limits, Simulator

E8 = 100_000_000


def stream(frames: list[Any], name: str) -> list[Any]:
    return [frame["data"] for frame in frames if frame["stream"] == name]


def e8(text: str) -> int:
    whole, _, fraction = text.partition(".")
    assert len(fraction) == 8
    return int(whole) * E8 + int(fraction)


async def test_depth20_is_the_top_of_the_book_that_the_diffs_build(simulate, connect, http) -> None:
    sim: Simulator = await simulate()
    client = await connect(sim, "/stream?streams=btcusdt@depth@100ms/btcusdt@depth20@100ms")
    first = await client.frames(2)
    async with http.get(f"{sim.rest_url}/api/v3/depth?symbol=BTCUSDT&limit=5000") as response:
        snapshot = await response.json()
    behind = snapshot["lastUpdateId"]
    frames = first + await client.until(lambda seen: sum(each["data"].get("lastUpdateId", 0) > behind for each in seen) >= 10)
    book = {side: dict(snapshot[side]) for side in ("bids", "asks")}
    checked, last = 0, None
    for frame in frames:
        data = frame["data"]
        if "lastUpdateId" in data:
            assert data["lastUpdateId"] == last
            if last > snapshot["lastUpdateId"]:
                assert data["bids"] == [list(row) for row in sorted(book["bids"].items(), key=lambda row: -e8(row[0]))[:20]]
                assert data["asks"] == [list(row) for row in sorted(book["asks"].items(), key=lambda row: e8(row[0]))[:20]]
                checked += 1
            continue
        assert last is None or data["U"] == last + 1
        last = data["u"]
        if last <= snapshot["lastUpdateId"]:
            continue
        for side, key in (("bids", "b"), ("asks", "a")):
            for price, size in data[key]:
                book[side].pop(price, None)
                if e8(size):
                    book[side][price] = size
    assert checked >= 5


async def test_each_speed_has_its_own_chain_and_starts_where_the_other_was(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=10.0)
    client = await connect(sim, "/stream?streams=btcusdt@depth/btcusdt@depth@100ms")
    frames = await client.until(lambda seen: len(stream(seen, "btcusdt@depth")) >= 4)
    for name in ("btcusdt@depth", "btcusdt@depth@100ms"):
        chain = stream(frames, name)
        assert all(later["U"] == earlier["u"] + 1 for earlier, later in pairwise(chain)), name
    slow = {data["u"] for data in stream(frames, "btcusdt@depth")}
    assert slow <= {data["u"] for data in stream(frames, "btcusdt@depth@100ms")}


async def test_payloads_have_the_venues_keys_in_the_venues_order(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=5.0)
    keys = {
        "btcusdt@depth20@100ms": "lastUpdateId bids asks",
        "btcusdt@depth5": "lastUpdateId bids asks",
        "btcusdt@depth@100ms": "e E s U u b a",
        "btcusdt@trade": "e E s t p q T m M",
        "btcusdt@aggTrade": "e E s a p q f l T m M",
        "btcusdt@bookTicker": "u s b B a A",
        "btcusdt@kline_1m": "e E s k",
        "btcusdt@kline_1d@+08:00": "e E s k",
        "btcusdt@miniTicker": "e E s c o h l v q",
        "btcusdt@ticker": "e E s p P w x c Q b B a A o h l v q O C F L n",
        "btcusdt@ticker_1h": "e E s p P o h l c w v q O C F L n",
        "btcusdt@avgPrice": "e E s i w T",
        "btcusdt@referencePrice": "e s r t",
    }
    client = await connect(sim, "/stream?streams=" + "/".join(keys))
    frames = await client.until(lambda seen: {frame["stream"] for frame in seen} >= set(keys))
    for frame in frames:
        assert " ".join(frame["data"]) == keys[frame["stream"]]
    bar = stream(frames, "btcusdt@kline_1m")[0]["k"]
    assert " ".join(bar) == "t T s i f L o c h l v n x q V Q B"
    assert bar["T"] == bar["t"] + 59_999


async def test_candles_equal_the_trades_and_close_with_a_final_frame(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=4.0)
    client = await connect(sim, "/stream?streams=btcusdt@kline_1s/btcusdt@trade")
    frames = await client.until(lambda seen: len([b for b in stream(seen, "btcusdt@kline_1s") if b["k"]["x"]]) >= 4)
    trades = stream(frames, "btcusdt@trade")
    finals = [data["k"] for data in stream(frames, "btcusdt@kline_1s") if data["k"]["x"]]
    assert all(later["t"] == earlier["t"] + 1_000 for earlier, later in pairwise(finals))
    for bar in finals[1:]:
        members = [trade for trade in trades if bar["t"] <= trade["T"] <= bar["T"]]
        assert bar["n"] == len(members)
        assert e8(bar["v"]) == sum(e8(trade["q"]) for trade in members)
        if members:
            assert (bar["f"], bar["L"], bar["o"], bar["c"]) == (members[0]["t"], members[-1]["t"], members[0]["p"], members[-1]["p"])


async def test_aggregates_cover_every_trade_once(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=5.0)
    client = await connect(sim, "/stream?streams=btcusdt@aggTrade/btcusdt@trade")
    frames = await client.until(lambda seen: len(stream(seen, "btcusdt@aggTrade")) >= 30)
    trades, aggregates = stream(frames, "btcusdt@trade"), stream(frames, "btcusdt@aggTrade")
    assert all(later["a"] == earlier["a"] + 1 for earlier, later in pairwise(aggregates))
    assert all(later["f"] == earlier["l"] + 1 for earlier, later in pairwise(aggregates))
    for data in aggregates:
        members = [trade for trade in trades if data["f"] <= trade["t"] <= data["l"]]
        assert e8(data["q"]) == sum(e8(trade["q"]) for trade in members)
        assert {(trade["p"], trade["m"]) for trade in members} == {(data["p"], data["m"])}


async def test_a_book_ticker_with_a_diffs_id_is_the_top_of_that_book(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=5.0)
    client = await connect(sim, "/stream?streams=btcusdt@bookTicker/btcusdt@depth5@100ms")
    frames = await client.until(lambda seen: len(stream(seen, "btcusdt@depth5@100ms")) >= 30)
    tops = {data["u"]: data for data in stream(frames, "btcusdt@bookTicker")}
    shared = [data for data in stream(frames, "btcusdt@depth5@100ms") if data["lastUpdateId"] in tops]
    assert shared
    for data in shared:
        top = tops[data["lastUpdateId"]]
        assert [top["b"], top["B"]] == data["bids"][0]
        assert [top["a"], top["A"]] == data["asks"][0]


async def test_an_unchanged_book_sends_nothing(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=20.0)
    sim.engine.market("ETHUSDT").frozen = True
    client = await connect(sim, "/stream?streams=btcusdt@depth@100ms/ethusdt@depth20@100ms/ethusdt@depth@100ms/ethusdt@depth20")
    frames = await client.frames(40)
    assert {frame["stream"] for frame in frames} == {"btcusdt@depth@100ms"}


async def test_raw_connections_get_bare_payloads(simulate, connect) -> None:
    sim: Simulator = await simulate()
    client = await connect(sim, "/ws/btcusdt@depth@100ms/ethusdt@depth@100ms")
    frames = await client.until(lambda seen: {frame["s"] for frame in seen} == {"BTCUSDT", "ETHUSDT"})
    assert "stream" not in frames[0]


async def test_bare_paths_take_subscriptions_and_switch_framing(simulate, connect) -> None:
    sim: Simulator = await simulate()
    client = await connect(sim, "/ws")
    await client.send("SUBSCRIBE", ["btcusdt@bookTicker"], id=1)
    assert await client.reply() == {"result": None, "id": 1}
    assert "u" in await client.frame()
    await client.send("SET_PROPERTY", ["combined", True], id=2)
    await client.reply()
    assert (await client.frame())["stream"] == "btcusdt@bookTicker"
    await client.send("UNSUBSCRIBE", ["btcusdt@bookTicker"], id=3)
    await client.reply()
    await client.send("LIST_SUBSCRIPTIONS", id=4)
    assert await client.frame() == {"result": [], "id": 4}


async def test_percent_encoded_urls_and_chinese_symbols_work(simulate, connect) -> None:
    sim: Simulator = await simulate(symbols=("币安人生USDT",))
    client = await connect(sim, "/stream?streams=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt%40depth%40100ms")
    frame = await client.frame()
    assert frame["stream"] == "币安人生usdt@depth@100ms"
    assert frame["data"]["s"] == "币安人生USDT"


@pytest.mark.parametrize("unit", ["MICROSECOND", "microsecond"])
async def test_micros_are_a_property_of_the_connection(simulate, connect, unit: str) -> None:
    sim: Simulator = await simulate()
    fine = await connect(sim, f"/stream?streams=btcusdt@depth@100ms/btcusdt@trade&timeUnit={unit}")
    coarse = await connect(sim, "/stream?streams=btcusdt@depth@100ms")
    assert (await fine.frame())["data"]["E"] > 10**15
    assert (await coarse.frame())["data"]["E"] < 10**14


async def test_unknown_and_upper_case_streams_are_acked_listed_and_silent(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=10.0)
    names = ["nosuch@depth@100ms", "BTCUSDT@depth@100ms", "btcusdt@depth30", "btcusdt@depth@50ms"]
    client = await connect(sim, "/stream")
    await client.send("SUBSCRIBE", [*names, "btcusdt@depth@100ms"], id=1)
    assert await client.reply() == {"result": None, "id": 1}
    assert {frame["stream"] for frame in await client.frames(30)} == {"btcusdt@depth@100ms"}
    await client.send("LIST_SUBSCRIPTIONS", id=2)
    assert (await client.reply())["result"] == [*names, "btcusdt@depth@100ms"]


async def test_all_mini_tickers_carry_changed_symbols_only(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=10.0)
    client = await connect(sim, "/stream?streams=!miniTicker@arr")
    assert {row["s"] for row in (await client.frame())["data"]} == {"BTCUSDT", "ETHUSDT"}
    sim.engine.market("ETHUSDT").frozen = True
    await client.caught_up(sim)
    await client.frame()  # the second in which it was frozen may have seen its trades
    assert [[row["s"] for row in frame["data"]] for frame in await client.frames(3)] == [["BTCUSDT"]] * 3


class TestEndsOfConnections:
    async def test_an_invalid_stream_is_an_error_and_a_close(self, simulate, connect) -> None:
        client = await connect(await simulate(), "/ws")
        await client.send("SUBSCRIBE", ["btcusdt"], id=1)
        assert (await client.frame())["error"]["code"] == 2
        assert await client.end() == (1008, "Invalid request")

    async def test_text_that_is_no_json_is_a_close(self, simulate, connect) -> None:
        client = await connect(await simulate(), "/ws")
        await client.socket.send_str("hello")
        assert await client.end() == (1008, "Invalid request")

    async def test_too_many_frames_are_a_close(self, simulate, connect) -> None:
        client = await connect(await simulate(), "/ws")
        for number in range(6):
            await client.send("LIST_SUBSCRIPTIONS", id=number)
        assert len(await client.frames(5)) == 5
        assert await client.end() == (1008, "Too many requests")

    async def test_pings_come_and_silence_ends_it(self, simulate, connect) -> None:
        sim: Simulator = await simulate(speed=100.0)
        opened_ms = sim.clock.now_ns() // 1_000_000
        client = await connect(sim, "/ws")
        code, reason = await client.end()
        assert (code, reason) == (1008, "Pong timeout")
        assert client.pings
        for number, payload in enumerate(client.pings):
            assert int(payload) >= opened_ms + 7_400 + number * 20_000, "none comes early; a busy machine's may come late, or not at all"

    async def test_answered_pings_keep_it_alive(self, simulate, connect) -> None:
        sim: Simulator = await simulate(speed=50.0, symbols=("USDCUSDT",), limits=Limits(pong_within_s=90.0))
        client = await connect(sim, "/stream?streams=usdcusdt@kline_1s", autoping=True)
        frames = await client.until(lambda seen: seen[-1:] and seen[-1]["data"]["E"] - seen[0]["data"]["E"] > 130_000)
        assert frames

    async def test_24_hours_are_a_cut_without_a_close_frame(self, simulate, connect) -> None:
        sim: Simulator = await simulate(speed=100.0, limits=Limits(lifetime_s=20.0))
        client = await connect(sim, "/ws", autoping=True)
        assert await client.end() == (1006, "")
        assert sim.status()["connections"][0]["close"] == "1006 24 h"

    async def test_a_client_may_close_first(self, simulate, connect) -> None:
        sim: Simulator = await simulate()
        client = await connect(sim, "/ws/btcusdt@trade")
        await client.socket.close(code=1000)
        assert client.socket.close_code == 1000
        assert sim.board.subscribers == {}

    async def test_stopping_says_going_away(self, simulate, connect) -> None:
        sim: Simulator = await simulate()
        client = await connect(sim, "/ws/btcusdt@trade")
        await sim.stop()
        assert (await client.end())[0] == 1001


class TestHandshakes:
    async def test_unknown_paths_are_404_and_long_ones_414(self, simulate, http) -> None:
        sim: Simulator = await simulate()
        for path, status in (("/elsewhere", 404), ("/stream?streams=" + "a" * 9_000, 414)):
            async with http.get(sim.ws_url.replace("ws", "http", 1) + path) as response:
                assert response.status == status

    async def test_too_many_connects_are_429_then_418(self, simulate, connect, http) -> None:
        from hoga.simulator import RestLimits

        sim: Simulator = await simulate(rest_limits=RestLimits(connects=2, refusals_before_ban=1))
        for _ in range(2):
            await connect(sim, "/ws")
        answers = []
        for _ in range(3):
            async with http.get(sim.ws_url.replace("ws", "http", 1) + "/ws") as response:
                answers.append((response.status, int(response.headers["Retry-After"]) > 0))
        assert answers == [(429, True), (418, True), (418, True)]
        assert sim.status()["refused"] == {"429": 1, "418": 2}
