"""Market data in integers: the same numbers as the exact readers give, for every payload of the simulated market."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.instrument import Instrument, InstrumentStatus, QuantityRules
from hoga.core.market import DataType, Side
from hoga.core.ticks import MarketDepth, MarketMark, MarketTrade
from hoga.core.trading import Rules, rules_of, text_of, whole_of
from hoga.venues.registry import VENUES
from hoga.venues.ticks import memo, numbers


def rules(venue: str, symbol: str, tick: str, lot: str) -> Rules:
    return rules_of(
        Instrument(
            venue=venue, symbol=symbol, base="BTC", quote="USDT", status=InstrumentStatus.TRADING, tick=Decimal(tick),
            quantity=QuantityRules(lot=Decimal(lot)),
        )
    )  # fmt: skip


USDM = rules("binance-usdm", "BTCUSDT", "0.10", "0.001")
SPOT = rules("binance", "BTCUSDT", "0.01", "0.00001")
UPBIT = rules("upbit", "KRW-BTC", "1", "0.00000001")


def read(found: Rules, data_type: DataType, payload: dict[str, Any] | bytes) -> Any:
    body = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
    return VENUES[found.venue].ticks[data_type](found)(body, 7)


def test_futures_books_quotes_trades_and_marks() -> None:
    book = read(USDM, DataType.ORDERBOOK, {"e": "depthUpdate", "E": 5, "b": [["60000.10", "1.500"]], "a": [["60000.20", "0.010"]]})
    assert isinstance(book, MarketDepth)
    assert (book.symbol, book.at_ns, book.event_ns) == ("binance-usdm:BTCUSDT", 7, 5_000_000)
    assert (book.bid, book.bid_size, book.ask, book.ask_size) == (600_001, 1_500, 600_002, 10)
    quote = read(USDM, DataType.QUOTE, {"e": "bookTicker", "E": 6, "b": "60000.10", "B": "1", "a": "60000.30", "A": "2.001"})
    assert (quote.bid, quote.ask, quote.ask_size) == (600_001, 600_003, 2_001)
    trade = read(USDM, DataType.TRADE, {"e": "aggTrade", "E": 8, "T": 9, "a": 4, "p": "60000.10", "q": "0.002", "m": True})
    assert trade == MarketTrade(
        symbol=USDM.symbol, at_ns=7, event_ns=9_000_000, price=600_001, size=2, taker=Side.SELL, trade_id=4
    )  # fmt: skip
    mark = read(USDM, DataType.MARK_PRICE, {"e": "markPriceUpdate", "E": 9, "p": "60000.12345678"})
    assert isinstance(mark, MarketMark)
    assert mark.mark == 600_001


def test_spot_books_and_one_with_an_empty_side() -> None:
    book = read(SPOT, DataType.ORDERBOOK, {"lastUpdateId": 1, "bids": [], "asks": [["60000.20", "0.01000"]]})
    assert (book.bid, book.bid_size, book.ask, book.ask_size, book.event_ns) == (0, 0, 6_000_020, 1_000, None)


LEVEL = st.tuples(st.integers(1, 10**9).map(lambda each: f"{each / 100:.2f}"), st.integers(0, 10**6).map(lambda each: f"{each / 1000:.3f}"))
SIDE = st.lists(LEVEL, max_size=3)


@given(st.lists(st.tuples(SIDE, SIDE, st.booleans()), min_size=1, max_size=6))
def test_books_that_are_read_together_are_what_each_is_alone(books: list[tuple[list[Any], list[Any], bool]]) -> None:
    lines = [
        msgspec.json.encode({"E": 5, "b": bids, "a": asks} if short else {"bids": bids, "asks": asks}) + b"\n"
        for bids, asks, short in books
    ]
    spec = VENUES[USDM.venue]
    assert spec.book_line is not None
    assert spec.book_lines is not None
    one, many = spec.book_line(USDM), spec.book_lines(USDM)
    if all(bids and asks for bids, asks, _ in books):
        found = many(b"".join(lines))
        assert list(zip(*(column.tolist() for column in found), strict=True)) == [one(line)[:5] for line in lines]
    else:  # where a side is empty each is read by itself
        with pytest.raises(ValueError):
            many(b"".join(lines))
    with pytest.raises(ValueError):
        many(b"".join(lines) + b'{"b":[["1","1"]],"a":[[1,1]]}\n')


def test_upbits_numbers_are_read_as_they_are_spelt() -> None:
    unit = b'{"ask_price":97962000.0,"bid_price":97961000,"ask_size":0.00000123,"bid_size":1.5e-7}'
    book = read(UPBIT, DataType.ORDERBOOK, b'{"type":"orderbook","code":"KRW-BTC","timestamp":5,"orderbook_units":[' + unit + b"]}")
    assert (book.bid, book.ask, book.ask_size, book.bid_size) == (97_961_000, 97_962_000, 123, 15)
    trade = read(
        UPBIT, DataType.TRADE,
        b'{"trade_price":97962000.0,"trade_volume":0.5,"ask_bid":"BID","trade_timestamp":5,"sequential_id":17}',
    )  # fmt: skip
    assert (trade.price, trade.size, trade.taker, trade.trade_id) == (97_962_000, 50_000_000, Side.BUY, 17)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"e":"x"}', b'{"e":"depthUpdate","E":1,"b":[["x","1"]],"a":[]}', b"\xff"])
def test_what_cannot_be_read_is_a_value_error(payload: bytes) -> None:
    with pytest.raises(ValueError):
        read(USDM, DataType.ORDERBOOK, payload)


@given(st.integers(-(10**15), 10**15), st.integers(-8, 0))
def test_a_text_is_the_number_that_it_spells(number: int, power: int) -> None:
    assert whole_of(text_of(number, power), power) == number


@given(st.decimals(-(10**9), 10**9, places=6), st.integers(-8, 0))
def test_finer_digits_are_cut_off(value: Decimal, power: int) -> None:
    assert whole_of(f"{value:f}", power) == int(value.scaleb(-power))


NUMBER = st.one_of(
    st.tuples(st.integers(0, 10**9), st.integers(0, 8)).map(lambda each: f"{each[0] / 10 ** each[1]:.{each[1]}f}"),
    st.sampled_from(["0", "00012.50", "123456789012345678", "1e5", "-1.5", "1.", ".5", "12,5", "9223372036854775808", "１.5", "", "1.2.3"]),
)


@given(st.lists(NUMBER, max_size=8), st.sampled_from([0, -2, -5, -8]))
def test_numbers_that_are_read_together_are_what_each_is_alone(texts: list[str], power: int) -> None:
    read, many = memo(power), numbers(power)
    try:
        alone = [read(text) for text in texts]
        assert not alone or max(map(abs, alone)) < 2**63
    except (ValueError, AssertionError):
        with pytest.raises(ValueError):
            many(texts)
    else:
        assert many(texts).tolist() == alone
