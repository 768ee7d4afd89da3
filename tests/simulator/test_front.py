"""One port for everything: who wants a WebSocket gets one, who asks by HTTP is answered, and paths say of which venue."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest

from bench.certificate import make_certificate
from hoga.simulator import Simulator, SimulatorConfig

ALL = ("binance", "binance-usdm", "upbit")


async def test_every_venue_is_found_by_its_paths(simulate, http) -> None:
    sim: Simulator = await simulate(venues=ALL, one_port=True)
    addresses = {url.partition("://")[2] for venue in sim.venues.values() for url in venue.urls.values()}
    assert len(addresses) == 1
    base = sim.rest_url
    for path, key in (("/api/v3/exchangeInfo", "exchangeFilters"), ("/fapi/v1/exchangeInfo", "futuresType")):
        async with http.get(base + path) as response:
            assert key in await response.json()
    async with http.get(f"{base}/v1/market/all") as response:
        assert (await response.json())[0]["market"].startswith("KRW-")
    async with http.get(f"{base}/sim/status") as response:
        assert (await response.json())["venue"] == "binance"
    async with http.post(f"{base}/fapi/v1/listenKey") as response:
        assert response.status == 401 or "code" in await response.json()
    for path, want in (
        ("/stream?streams=btcusdt@depth20@100ms", '"lastUpdateId"'),
        ("/public/stream?streams=btcusdt@depth20@100ms", '"depthUpdate"'),
    ):
        async with http.ws_connect(sim.ws_url + path) as socket:
            assert want in (await socket.receive(30)).data
    async with http.ws_connect(f"{sim.ws_url}/websocket/v1") as socket:
        await socket.send_str('[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]')
        assert b'"KRW-BTC"' in (await socket.receive(30)).data


async def test_one_venue_has_all_paths(simulate, http) -> None:
    sim: Simulator = await simulate(venues=("binance-usdm",), one_port=True)
    async with http.ws_connect(f"{sim.ws_url}/stream?streams=btcusdt@depth20@100ms") as socket:
        assert '"depthUpdate"' in (await socket.receive(30)).data


async def test_a_head_that_comes_in_pieces_and_requests_on_a_kept_connection(simulate) -> None:
    sim: Simulator = await simulate(one_port=True)
    host, _, port = sim.rest_url.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for piece in (b"GET /api/v3/pi", b"ng HTTP/1.1\r\nHost: x\r\n", b"\r\n"):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert await reader.readexactly(2) == b"{}"
    writer.write(b"GET /api/v3/nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 404")
    writer.close()


async def test_it_is_served_over_tls_too(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(certificate))
    async with (
        Simulator(SimulatorConfig(one_port=True, tls_cert=certificate)) as sim,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http,
    ):
        assert sim.ws_url.startswith("wss://")
        async with http.get(f"{sim.rest_url}/api/v3/ping") as response:
            assert await response.text() == "{}"
        async with http.ws_connect(f"{sim.ws_url}/stream?streams=btcusdt@depth20@100ms") as socket:
            assert '"lastUpdateId"' in (await socket.receive(30)).data


async def test_a_taken_port_is_told(simulate) -> None:
    sim: Simulator = await simulate(one_port=True)
    port = int(sim.rest_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await Simulator(SimulatorConfig(port=port, one_port=True)).start()
