"""Clients that other people wrote, unmodified, take a replayed archive as live: only their base URLs are overridden."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio

from hoga.app.replay import Wanted, timelines_of
from hoga.archive.form.discover import discover
from hoga.archive.form.lists import pack_list
from hoga.core.times import day_of, minute_of
from hoga.simulator import Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.archive.workshop import Workshop, envelope
from tests.thirdparty.test_cryptofeed_upbit import PROGRAM, python

__all__ = ["python"]

pytestmark = pytest.mark.filterwarnings("ignore")

CHANNELS = ("depth20@100ms", "depth@100ms", "aggTrade", "trade")
FRAMES = 900


class Recorded(NamedTuple):
    """An archive, and what is in it: stream → payloads."""

    root: Path
    payloads: dict[str, list[dict[str, Any]]]


async def record(root: Path, venue: str, symbols: tuple[str, ...], frames: int) -> Recorded:
    """Frames of a simulated market, as an archive."""
    spec = VENUES[venue]
    streams = {}
    for symbol in symbols:
        for channel in CHANNELS if venue == "binance" else ("orderbook", "trade"):
            stream = spec.parse_stream(symbol, channel)
            streams[stream.name] = stream
    lines: dict[tuple[str, str, str], list[bytes]] = defaultdict(list)
    payloads: dict[str, list[dict[str, Any]]] = defaultdict(list)
    async with Simulator(SimulatorConfig(venues=(venue,), symbols=symbols, seed=11, speed=20.0)) as sim, aiohttp.ClientSession() as http:
        names = list(streams)
        target = spec.connect_path("", names if venue == "binance" else [])
        async with http.ws_connect(sim.ws_url + target, max_msg_size=0) as socket:
            if venue == "upbit":
                assert spec.replace is not None
                await socket.send_str(spec.replace(names, [], 1).decode())
            for _ in range(frames):
                data = (await socket.receive(60)).data
                parts = spec.split(data if isinstance(data, bytes) else data.encode())
                assert parts is not None
                name, payload = parts
                now_ns = sim.clock.now_ns()
                stream = streams[name]
                lines[stream.symbol, stream.kind, minute_of(now_ns)].append(envelope(now_ns, payload))
                payloads[name].append(json.loads(payload))
        async with http.get(sim.rest_url + spec.rest.instruments) as response:
            listed = await response.read()
        day = day_of(sim.clock.now_ns())
    for (symbol, kind, minute), each in lines.items():
        told = sorted({stream.name for stream in streams.values() if (stream.symbol, stream.kind) == (symbol, kind)})
        Workshop(root / venue / kind, kind, symbol=symbol, day=day).seal(minute, each, streams=told)
    (root / venue / "instruments").mkdir(parents=True)
    (root / venue / "instruments" / f"instruments_{day}.json.zst").write_bytes(pack_list(listed))
    return Recorded(root, payloads)


async def replayed(recorded: Recorded, *, delay_s: float = 1.0, speed: float = 4.0) -> Simulator:
    found = discover([recorded.root])
    lines = timelines_of(Wanted(days=found.days))
    config = SimulatorConfig(venues=tuple(lines), one_port=True, speed=speed, replay_start_delay_s=delay_s, replay_loop=True)
    return Simulator(config, timelines=lines)


@pytest_asyncio.fixture
async def recorded(tmp_path: Path) -> Recorded:
    return await record(tmp_path / "data", "binance", ("BTCUSDT", "ETHUSDT"), FRAMES)


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
                if same is not None:  # it began with twenty levels: farther down it knows what has changed since, and no more
                    assert [top(book[side], 1) for side in ("bids", "asks")] == [top(same[side], 1) for side in ("bids", "asks")]
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
        assert got == recorded.payloads[name][: len(got)], "from the first on, each once, in order"


async def test_cryptofeed_sees_the_recorded_won_market(python: str, tmp_path: Path) -> None:
    recorded = await record(tmp_path / "data", "upbit", ("KRW-BTC", "BTC-DOGE"), 300)
    async with await replayed(recorded) as sim:
        arguments = (python, str(PROGRAM), sim.ws_url, sim.rest_url, "40")
        client = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
        try:
            out, _ = await asyncio.wait_for(client.communicate(), 60)
        finally:
            if client.returncode is None:
                client.kill()
                await client.wait()
    lines = [json.loads(line) for line in out.decode().splitlines()][:40]
    assert len(lines) == 40
    assert {line["kind"] for line in lines} == {"book", "trade"}
