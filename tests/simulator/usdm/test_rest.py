from __future__ import annotations

from itertools import pairwise

import pytest

from hoga.simulator import RestLimits, Simulator


@pytest.fixture
async def sim(futures) -> Simulator:
    made = await futures()
    for symbol in ("BTCUSDT", "ETHUSDT"):
        made.engine.market(symbol)
    return made


@pytest.mark.parametrize(
    "path, weight",
    [
        ("/fapi/v1/ping", 1),
        ("/fapi/v1/time", 1),
        ("/fapi/v1/exchangeInfo", 1),
        ("/fapi/v1/depth?symbol=BTCUSDT", 10),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=50", 2),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=100", 5),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=1000", 20),
        ("/fapi/v1/trades?symbol=BTCUSDT", 5),
        ("/fapi/v1/historicalTrades?symbol=BTCUSDT", 20),
        ("/fapi/v1/aggTrades?symbol=BTCUSDT", 20),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=99", 1),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1m", 5),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1500", 10),
        ("/fapi/v1/continuousKlines?pair=BTCUSDT&contractType=PERPETUAL&interval=1h", 5),
        ("/fapi/v1/premiumIndex", 10),
        ("/fapi/v1/premiumIndex?symbol=BTCUSDT", 1),
        ("/fapi/v1/fundingRate?symbol=BTCUSDT", 0),
        ("/fapi/v1/ticker/24hr?symbol=BTCUSDT", 1),
        ("/fapi/v1/ticker/price", 2),
        ("/fapi/v1/ticker/bookTicker?symbol=BTCUSDT", 2),
    ],
)
async def test_every_endpoint_answers_and_costs_its_weight(sim: Simulator, ask, path: str, weight: int) -> None:
    status, body, headers = await ask(sim, path)
    assert status == 200
    assert body is not None
    assert int(headers["X-MBX-USED-WEIGHT-1M"]) == weight


@pytest.mark.parametrize(
    "path, code",
    [
        ("/fapi/v1/depth", -1102),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=7", -4021),
        ("/fapi/v1/depth?symbol=NOSUCH", -1121),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1s", -1120),
        ("/fapi/v1/aggTrades?symbol=BTCUSDT&startTime=1", -4166),
        ("/fapi/v1/continuousKlines?pair=BTCUSDT&contractType=WEEKLY&interval=1m", -4144),
    ],
)
async def test_mistakes_get_the_venues_codes(sim: Simulator, ask, path: str, code: int) -> None:
    status, body, _ = await ask(sim, path)
    assert (status, body["code"]) == (400, code)


async def test_candles_trades_and_prices_agree(sim: Simulator, ask) -> None:
    sim.engine.market("BTCUSDT").frozen = True
    _, rows, _ = await ask(sim, "/fapi/v1/klines?symbol=BTCUSDT&interval=1m")
    _, trades, _ = await ask(sim, "/fapi/v1/trades?symbol=BTCUSDT&limit=3")
    _, price, _ = await ask(sim, "/fapi/v1/ticker/price?symbol=BTCUSDT")
    _, aggregates, _ = await ask(sim, "/fapi/v1/aggTrades?symbol=BTCUSDT&limit=5")
    assert all(len(row) == 12 for row in rows)
    assert rows[-1][4] == trades[-1]["price"] == price["price"] == aggregates[-1]["p"]
    assert aggregates[-1]["l"] == trades[-1]["id"]
    assert all(later["f"] == earlier["l"] + 1 for earlier, later in pairwise(aggregates))


async def test_the_budget_is_the_venues_own(sim: Simulator, ask) -> None:
    _, info, _ = await ask(sim, "/fapi/v1/exchangeInfo")
    assert info["rateLimits"][0] == {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2_400}
    btc = info["symbols"][0]
    assert (btc["pricePrecision"], btc["quantityPrecision"]) == (2, 3)
    assert next(entry for entry in btc["filters"] if entry["filterType"] == "PRICE_FILTER")["tickSize"] == "0.10"
    assert next(entry for entry in btc["filters"] if entry["filterType"] == "MIN_NOTIONAL")["notional"] == "50"


async def test_too_much_weight_is_429_then_418(futures, ask) -> None:
    sim = await futures(rest_limits=RestLimits(weight_per_minute=2, refusals_before_ban=1))
    answers = [(await ask(sim, "/fapi/v1/ping"))[0] for _ in range(5)]
    assert answers == [200, 200, 429, 418, 418]


async def test_spot_paths_do_not_exist_here(sim: Simulator, http) -> None:
    async with http.get(f"{sim.rest_url}/fapi/v1/nothing") as response:
        assert response.status == 404
