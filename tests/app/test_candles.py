"""Bars of before, page by page, as one answer: against a venue in memory that has so many and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from hoga.app.trader.candles import contiguous, read_candles
from hoga.core.ticks import MarketBar
from hoga.core.times import DAY_NS, MINUTE_NS, MS_NS, iso_of, parse_time_ns
from hoga.core.trading import Rules, rules_of
from hoga.trading.ports import ReadBars
from hoga.venues.registry import VENUES
from tests.trading.exchange import instrument

NOW = 1_800_000_030 * 10**9
SYMBOLS = {"binance": "BTCUSDT", "binance-usdm": "BTCUSDT", "upbit": "KRW-BTC"}


def rules(venue: str) -> Rules:
    return rules_of(instrument(SYMBOLS[venue], venue))


class Venue:
    """Has candles of some minutes (by their number before now), and answers as the venue does."""

    def __init__(self, venue: str, minutes: list[int]) -> None:
        self.venue = venue
        self.starts = sorted(NOW // MINUTE_NS * MINUTE_NS - back * MINUTE_NS for back in minutes)
        self.paths: list[str] = []

    async def read(self, what: str, decode: Callable[[bytes], Any], *, weight: int = 1) -> Any:
        self.paths.append(what)
        asked = {name: value[0] for name, value in parse_qs(urlsplit(what).query).items()}
        if self.venue == "upbit":
            before = parse_time_ns(asked["to"]) if "to" in asked else 1 << 62
            rows = [each for each in self.starts if each < before][-int(asked["count"]) :]
            return decode(msgspec.json.encode([self.upbit_row(each) for each in reversed(rows)]))
        last = int(asked["endTime"]) * MS_NS if "endTime" in asked else 1 << 62
        rows = [each for each in self.starts if each <= last][-int(asked["limit"]) :]
        return decode(
            msgspec.json.encode([[each // MS_NS, "100.0", "102.0", "99.0", "101.0", "0.5", each // MS_NS + 59_999] for each in rows])
        )

    def upbit_row(self, start_ns: int) -> dict[str, object]:
        clock = iso_of(start_ns)[:19]
        prices = {"opening_price": 100.0, "high_price": 102.0, "low_price": 99.0, "trade_price": 101.0}
        return {"candle_date_time_utc": clock, "candle_acc_trade_volume": 0.5} | prices


async def read(venue: str, minutes: list[int], count: int, interval_ns: int = MINUTE_NS) -> tuple[Any, Venue]:
    there: Any = Venue(venue, minutes)
    known = rules(venue)
    found = await read_candles(there, VENUES[venue].candles, known, ReadBars(known.symbol, interval_ns, count), lambda: NOW)
    return found, there


def backs(found: Any) -> list[int]:
    """How many minutes before now each begins."""
    return [(NOW // MINUTE_NS * MINUTE_NS - each.start_ns) // MINUTE_NS for each in found.bars]


@pytest.mark.parametrize("venue", SYMBOLS)
async def test_a_long_history_comes_in_pages_without_a_hole(venue: str) -> None:
    found, there = await read(venue, list(range(3000)), 2500)
    assert backs(found) == list(range(len(found.bars) - 1, -1, -1))
    assert len(found.bars) >= 2500
    assert not found.oldest
    assert len(there.paths) == -(-2500 // VENUES[venue].candles.most)  # type: ignore[union-attr]  # it has candles
    assert [(each.open, each.high, each.low, each.close, each.volume) for each in found.bars[:1]] == [(1000, 1020, 990, 1010, 500)]


@pytest.mark.parametrize("venue", SYMBOLS)
async def test_a_young_listing_says_that_there_is_no_more(venue: str) -> None:
    found, _ = await read(venue, list(range(57)), 202)
    assert len(found.bars) == 57
    assert found.oldest


async def test_minutes_without_trades_are_flat_where_the_venue_leaves_them_out() -> None:
    found, _ = await read("upbit", [10, 9, 5, 4], 20)
    assert backs(found) == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert [each.volume for each in found.bars] == [500, 500, 0, 0, 0, 500, 500, 0, 0, 0]
    assert {(each.open, each.close) for each in found.bars if not each.volume} == {(1010, 1010)}


async def test_flat_minutes_do_not_make_a_page_short() -> None:
    """300 minutes of which every third has trades: they are two pages there, and are asked for as what they span."""
    found, there = await read("upbit", list(range(0, 2000, 3)), 500)
    assert len(found.bars) >= 498
    assert backs(found) == list(range(backs(found)[0], -1, -1))
    assert len(there.paths) == 1


@pytest.mark.parametrize("venue", SYMBOLS)
async def test_a_length_that_the_venue_has_not_is_answered_without_asking(venue: str) -> None:
    found, there = await read(venue, [1, 2, 3], 10, 10 * 10**9)
    assert (found.bars, found.oldest, there.paths) == ((), True, [])


@pytest.mark.parametrize(("venue", "week"), [("binance", "interval=1w"), ("binance-usdm", "interval=1w"), ("upbit", "/candles/weeks?")])
async def test_weeks_are_asked_for_by_their_name(venue: str, week: str) -> None:
    _, there = await read(venue, [], 10, 7 * DAY_NS)
    assert week in there.paths[0]


def test_a_candle_that_may_still_come_is_not_taken_for_flat() -> None:
    bar = MarketBar(symbol="a:b", at_ns=0, interval_ns=MINUTE_NS, start_ns=0, open=1, high=1, low=1, close=7, volume=1)
    assert [each.start_ns for each in contiguous([bar], 3 * MINUTE_NS - 1)] == [0, MINUTE_NS]
    assert [each.close for each in contiguous([bar], 3 * MINUTE_NS)] == [7, 7, 7]
