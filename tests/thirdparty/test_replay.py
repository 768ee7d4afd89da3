"""Clients that other people wrote, unmodified, take a replayed archive as live: only their base URLs are overridden."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hoga.app.replay import Wanted, timelines_of
from hoga.archive.form.discover import discover
from hoga.simulator import Simulator, SimulatorConfig
from tests.app.recording import Recorded, record
from tests.thirdparty.test_cryptofeed_upbit import PROGRAM, python

__all__ = ["python"]

pytestmark = pytest.mark.filterwarnings("ignore")

FRAMES = 900


async def replayed(recorded: Recorded, *, delay_s: float = 1.0, speed: float = 4.0) -> Simulator:
    found = discover([recorded.root])
    begins = max((at_ns for _, at_ns in recorded.asked), default=None)  # before that twenty levels are all that is known
    lines = timelines_of(Wanted(days=found.days, start_ns=begins))
    config = SimulatorConfig(venues=tuple(lines), one_port=True, speed=speed, replay_start_delay_s=delay_s, replay_loop=True)
    return Simulator(config, timelines=lines)


@pytest_asyncio.fixture
async def recorded(tmp_path: Path) -> Recorded:
    return await record(tmp_path / "data", "binance", ("BTCUSDT", "ETHUSDT"), FRAMES, ask_at=20)


@pytest_asyncio.fixture
async def sim(recorded: Recorded) -> AsyncIterator[Simulator]:
    async with await replayed(recorded) as simulator:
        yield simulator


def top(levels: list[Any], count: int) -> list[tuple[float, float]]:
    return [(float(level[0]), float(level[1])) for level in levels[:count]]


async def test_ccxt_keeps_the_recorded_book_and_takes_the_recorded_trades(recorded: Recorded, sim: Simulator) -> None:
    ccxtpro = pytest.importorskip("ccxt.pro")
    client = ccxtpro.binance({"enableRateLimit": False, "options": {"fetchMarkets": ["spot"], "fetchCurrencies": False}})
    client.has["fetchCurrencies"] = False
    client.urls["api"]["public"] = f"{sim.rest_url}/api/v3"
    client.urls["api"]["ws"]["spot"] = f"{sim.ws_url}/ws"
    books = {each["lastUpdateId"]: each for each in recorded.payloads["btcusdt@depth20@100ms"]}
    trades = {str(each["t"]): (float(each["p"]), float(each["q"])) for each in recorded.payloads["btcusdt@trade"]}
    try:
        assert set(await client.load_markets()) == {"BTC/USDT", "ETH/USDT"}
        checked, seen = 0, {}
        async with asyncio.timeout(60):
            while checked < 5:
                book = await client.watch_order_book("BTC/USDT")
                same = books.get(book["nonce"])
                if same is not None:
                    assert [top(book[side], 20) for side in ("bids", "asks")] == [top(same[side], 20) for side in ("bids", "asks")]
                    checked += 1
            while len(seen) < 10:
                seen |= {each["id"]: (each["price"], each["amount"]) for each in await client.watch_trades("BTC/USDT")}
        assert {name: trades[name] for name in seen} == seen
    finally:
        await client.close()


async def test_python_binance_takes_it_as_live(recorded: Recorded, sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    binance = pytest.importorskip("binance")
    from binance.ws.streams import BinanceSocketManager

    monkeypatch.setattr(binance.AsyncClient, "API_URL", f"{sim.rest_url}/api")
    monkeypatch.setattr(BinanceSocketManager, "STREAM_URL", f"{sim.ws_url}/")
    client = await binance.AsyncClient.create()
    try:
        assert (await client.get_symbol_info("ETHUSDT"))["baseAsset"] == "ETH"
        assert len((await client.get_order_book(symbol="BTCUSDT", limit=10))["bids"]) == 10
        names = ["btcusdt@trade", "ethusdt@aggTrade"]
        async with asyncio.timeout(60), BinanceSocketManager(client).multiplex_socket(names) as stream:
            seen = [await stream.recv() for _ in range(60)]
    finally:
        await client.close_connection()
    for name in names:
        got = [message["data"] for message in seen if message["stream"] == name]
        kept = recorded.payloads[name]
        first = kept.index(got[0])
        assert got == kept[first : first + len(got)], "each once, in order"


async def cryptofeed(python: str, exchange: str, sim: Simulator, count: int) -> list[dict[str, Any]]:
    """What its program tells until it has told so many books."""
    arguments = (python, str(PROGRAM), exchange, sim.ws_url, sim.rest_url, str(count))
    client = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    try:
        out, _ = await asyncio.wait_for(client.communicate(), 60)
    finally:
        if client.returncode is None:
            client.kill()
            await client.wait()
    return [json.loads(line) for line in out.decode().splitlines()]


async def test_cryptofeed_sees_the_recorded_won_market(python: str, tmp_path: Path) -> None:
    recorded = await record(tmp_path / "data", "upbit", ("KRW-BTC", "BTC-DOGE"), 300)
    async with await replayed(recorded) as sim:
        lines = await cryptofeed(python, "upbit", sim, 40)
    assert {line["kind"] for line in lines} == {"book", "trade"}


async def test_cryptofeed_keeps_the_recorded_book_and_takes_the_recorded_trades(python: str, recorded: Recorded, sim: Simulator) -> None:
    lines = await cryptofeed(python, "binance", sim, 40)
    trades = {str(each["a"]): (each["p"], each["q"]) for each in recorded.payloads["btcusdt@aggTrade"]}
    seen = [line for line in lines if line["kind"] == "trade" and line["symbol"] == "BTC-USDT"]
    assert seen
    for line in seen:
        price, amount = trades[line["id"]]
        assert (float(line["price"]), float(line["amount"])) == (float(price), float(amount))
    books = {each["lastUpdateId"]: each for each in recorded.payloads["btcusdt@depth20@100ms"]}
    same = [line for line in lines if line["kind"] == "book" and line["symbol"] == "BTC-USDT" and line["number"] in books]
    assert len(same) >= 3
    for line in same:
        told = books[line["number"]]
        assert [[float(number) for number in side] for side in line["best"]] == [
            [float(number) for number in told[side][0]] for side in ("bids", "asks")
        ]
