"""USDⓈ-M, as captured, through real sockets: two routes, every frame recorded once, chained by `pu`."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path

import msgspec
from aiohttp import WSMsgType, web

from hoga.app.config import load_config
from hoga.app.venue_run import VenueRun
from hoga.archive.prove.verify import verify
from hoga.runtime.pool import WorkerPool
from tests.waiting import LONG_S

SYMBOLS = "AKROUSDT,CTKUSDT,KEEPUSDT,SUSHIUSDT"
CHANNELS = ("depth@100ms", "bookTicker", "aggTrade", "kline_1m")


async def test_captured_futures_are_recorded_once_each(captures: Path, tmp_path: Path) -> None:
    with gzip.open(captures / "binance-usdm" / "cf_20210722_ws.raw.gz", "rt") as lines:
        frames = ['{"stream"' + line.strip().partition(': {"stream"')[2] for line in lines if ': {"stream"' in line]
    paths: list[str] = []
    sockets: dict[str, web.WebSocketResponse] = {}

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        paths.append(request.path_qs)
        sockets[request.path.split("/")[1]] = socket
        async for message in socket:
            assert message.type is not WSMsgType.TEXT, "everything fits the URL"
        return socket

    app = web.Application()
    app.router.add_get("/{route}/stream", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    overrides = [f"binance-usdm.WS_URL=ws://127.0.0.1:{port}", f"binance-usdm.REST_URL=http://127.0.0.1:{port}"]
    overrides += [f"binance-usdm.SYMBOLS={SYMBOLS}", f"binance-usdm.STREAMS={','.join(CHANNELS)}"]
    venue = load_config(None, overrides=overrides, environ={}).venue("binance-usdm")
    venue = msgspec.structs.replace(
        venue, data_dir=tmp_path, lob_dir=tmp_path / "orderbook", chart_dir=tmp_path / "execution", latency_gate="off"
    )
    pool = WorkerPool(workers=1)
    run = VenueRun(venue, pool)
    await run.start()
    async with asyncio.timeout(60):
        while len(sockets) < 2:
            await asyncio.sleep(0.01)
        for frame in frames:
            name = re.match(r'{"stream":"([^"]+)"', frame)
            assert name is not None
            route = "public" if re.search("@(depth|bookTicker)", name[1]) else "market"
            await sockets[route].send_str(frame)
        while sum(intake.n for intake in run.recorder.intakes.values()) < len(frames):
            await asyncio.sleep(0.01)
    await run.stop_intake()
    await run.drain()
    await run.seal(timeout_s=LONG_S)
    run.release()
    await pool.close()
    await runner.cleanup()
    assert sorted(path.split("?")[0] for path in paths) == ["/market/stream", "/public/stream"]
    report = verify([tmp_path])
    assert report.problems == []
    assert report.records == len(frames) == 1535
    assert run.recorder.odd_frames == 0
