"""The list of instruments: asked for once, however many look; its differences are heard."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from hoga.app.config import VenueConfig, load_config
from hoga.app.instruments import Instruments, instruments_of
from hoga.app.venue_run import VenueRun
from hoga.core.errors import VenueError, WireFault
from hoga.core.instrument import ChangeKind, InstrumentChange
from hoga.net.rest import RestClient
from hoga.runtime.clock import ManualClock
from hoga.simulator import Simulator, SimulatorConfig
from tests.recorder.test_sealing import InlinePool
from tests.waiting import eventually


class Venue:
    """Tells `symbols` (symbol → status), or `body`."""

    def __init__(self) -> None:
        self.asked = 0
        self.symbols = {"A": "TRADING", "B": "TRADING"}
        self.body: bytes | None = None

    async def list(self, _request: web.Request) -> web.Response:
        self.asked += 1
        await asyncio.sleep(0.05)
        entries = [{"symbol": symbol, "status": status} for symbol, status in self.symbols.items()]
        return web.Response(body=self.body if self.body is not None else json.dumps({"symbols": entries}).encode())


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[tuple[Venue, VenueConfig]]:
    made, app = Venue(), web.Application()
    app.router.add_get("/api/v3/exchangeInfo", made.list)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    config = load_config(None, overrides=[f"REST_URL=http://127.0.0.1:{port}", "WS_URL=ws://127.0.0.1:1"], environ={})
    yield made, config.venue("binance")
    await runner.cleanup()


async def test_however_many_look_the_venue_is_asked_once(venue: tuple[Venue, VenueConfig]) -> None:
    server, config = venue
    assert instruments_of(config) is instruments_of(config)
    found = await asyncio.gather(*(instruments_of(config).look() for _ in range(5)))
    await instruments_of(config).look()
    assert server.asked == 1
    assert all(set(each) == {"A", "B"} for each in found)


async def test_a_difference_is_heard_and_a_list_is_handed_on(venue: tuple[Venue, VenueConfig]) -> None:
    server, config = venue
    listing, heard, lists = instruments_of(config), list[InstrumentChange](), list[bytes]()

    async def take(body: bytes) -> None:
        lists.append(body)

    listing.on_change.append(heard.append)
    listing.on_list.append(take)
    await listing.look()
    assert heard == [], "the first list is no change"
    server.symbols = {"B": "BREAK", "C": "TRADING"}
    known = await listing.look(fresh_s=0.0)
    assert [(each.symbol, each.kind) for each in heard] == [("A", ChangeKind.REMOVED), ("B", ChangeKind.STATUS), ("C", ChangeKind.ADDED)]
    assert not known["B"].is_trading
    assert [json.loads(each)["symbols"][0]["symbol"] for each in lists] == ["A", "B"]


@pytest.mark.parametrize(("body", "fault"), [(b"<html>", WireFault), (b"", WireFault)])
async def test_an_answer_that_is_no_list_leaves_what_was_known(venue: tuple[Venue, VenueConfig], body: bytes, fault: Any) -> None:
    server, config = venue
    listing: Instruments = instruments_of(config)
    await listing.look()
    server.body = body
    with pytest.raises(fault):
        await listing.look(fresh_s=0.0)
    assert set(listing.known) == {"A", "B"}


async def test_one_who_waits_no_more_takes_the_answer_from_nobody(venue: tuple[Venue, VenueConfig]) -> None:
    server, config = venue
    listing = instruments_of(config)
    impatient = asyncio.ensure_future(listing.look())
    await asyncio.sleep(0)
    patient = asyncio.ensure_future(listing.look())
    await asyncio.sleep(0)
    impatient.cancel()
    assert set(await patient) == {"A", "B"}
    assert server.asked == 1


async def test_no_answer_is_everybodys_and_the_next_asks_again(venue: tuple[Venue, VenueConfig]) -> None:
    server, config = venue
    server.body = b"{"
    listing = instruments_of(config)
    found = await asyncio.gather(*(listing.look() for _ in range(3)), return_exceptions=True)
    assert [isinstance(each, VenueError) for each in found] == [True] * 3
    server.body = None
    assert set(await listing.look()) == {"A", "B"}
    assert server.asked == 2


async def test_it_is_asked_again_after_an_hour(venue: tuple[Venue, VenueConfig]) -> None:
    server, config = venue
    clock = ManualClock()
    listing = Instruments(RestClient("binance", config.rest_url, tls=None, timeout_s=5.0, clock=clock))
    for seconds, asked in ((0, 1), (3_599, 1), (1, 2), (3_000, 2), (600, 3)):
        clock.advance(seconds)
        await listing.look()
        assert server.asked == asked


async def test_a_recorder_keeps_the_days_list_and_hears_what_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT", "ETHUSDT", "XRPUSDT"), seed=7)) as exchange:
        settings = [f"WS_URL={exchange.ws_url}", f"REST_URL={exchange.rest_url}", "SYMBOLS=BTCUSDT,ETHUSDT", "DISK_RESERVE_MB=1"]
        config = load_config(None, overrides=settings, environ={}, data_dir=tmp_path).venue("binance")
        run, listing = VenueRun(config, InlinePool()), instruments_of(config)  # type: ignore[arg-type]
        with caplog.at_level(logging.WARNING):
            await run.start()
            await eventually(lambda: list((tmp_path / "binance" / "instruments").glob("*")))
            for symbol in ("ETHUSDT", "XRPUSDT"):
                exchange.engine.delisted.add(symbol)
            for _ in range(2):  # the first may join the question that is under way
                await listing.look(fresh_s=0.0)
            await run.stop_intake()
            await run.drain()
            run.release()
        assert (listing.on_change, listing.on_list) == ([], [])
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("an instrument changed")]
    assert told == ['an instrument changed symbol=ETHUSDT what=status status="TRADING → BREAK"']
