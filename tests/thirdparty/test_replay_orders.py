"""ccxt, unmodified but for the address, trades on a recorded market: on each venue, filled by what was recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hoga.simulator import Simulator
from tests.app.recording import record
from tests.thirdparty.test_replay import replayed
from tests.thirdparty.test_trading import PLACES, Place, client_of

pytestmark = pytest.mark.filterwarnings("ignore")
SYMBOLS = {"binance": "BTCUSDT", "binance-usdm": "BTCUSDT", "upbit": "KRW-BTC"}


async def begun(sim: Simulator, place: Place) -> None:
    """Until a book was played."""
    assert sim.performance is not None
    sim.performance.wanted.set()
    market = sim.venues[place.venue].engine.market(SYMBOLS[place.venue])
    while not market.top.bid:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("place", PLACES, ids=[place.venue for place in PLACES])
async def test_ccxt_places_finds_cancels_and_fills_on_a_recorded_market(tmp_path: Path, place: Place) -> None:
    import ccxt

    recorded = await record(tmp_path / "data", place.venue, (SYMBOLS[place.venue],), 200)
    books = {"binance": "btcusdt@depth20@100ms", "binance-usdm": "btcusdt@depth20@100ms", "upbit": "KRW-BTC@orderbook"}
    rows = recorded.payloads[books[place.venue]]
    if place.venue == "upbit":
        prices = [float(unit[f"{side}_price"]) for row in rows for unit in row["orderbook_units"] for side in ("ask", "bid")]
    else:
        prices = [float(level[0]) for row in rows for side in ("bids", "asks", "b", "a") for level in row.get(side, ())]
    async with await replayed(recorded, delay_s=0.0, speed=2.0) as sim:
        client = await client_of(sim, place)
        try:
            async with asyncio.timeout(60):
                await begun(sim, place)
                rests = await client.create_order(place.symbol, "limit", "buy", place.amount, place.rests_at)
                assert [order["id"] for order in await client.fetch_open_orders(place.symbol)] == [rests["id"]]
                await client.cancel_order(rests["id"], place.symbol)
                assert (await client.fetch_order(rests["id"], place.symbol))["status"] == "canceled"
                with pytest.raises(ccxt.ExchangeError, match=place.refusal):
                    await client.create_order(place.symbol, "limit", "buy", place.too_much, place.rests_at)
                if place.venue == "upbit":
                    bought = await client.create_order(place.symbol, "market", "buy", 500_000, 1)
                else:
                    bought = await client.create_order(place.symbol, "market", "buy", place.amount)
                while not (found := await client.fetch_order(bought["id"], place.symbol))["filled"]:
                    await asyncio.sleep(0.02)
                paid = [trade["price"] for trade in found["trades"]] or [found["average"]]
                assert min(prices) <= min(paid) <= max(paid) <= max(prices), "a price of the recording"
                best = sim.venues[place.venue].engine.market(SYMBOLS[place.venue]).top
                assert best.bid, "the replay goes on"
                sold = await client.create_order(place.symbol, "market", "sell", place.amount)
                assert (await client.fetch_order(sold["id"], place.symbol))["filled"] == place.amount
        finally:
            await client.close()
