"""What venues list, as instruments: steps, bounds and status, of lists that are whole, odd or none."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hoga.core.instrument import Band, ChangeKind, Instrument, InstrumentStatus, QuantityRules, changes
from hoga.core.jsontext import NO_JSON
from hoga.venues.registry import VENUES

SPOT_FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "107.5", "stepSize": "0.00000000"},
    {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2"}
    | {"askMultiplierUp": "4", "askMultiplierDown": "0.3"},
    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "maxNotional": "9000000.00000000", "avgPriceMins": 5},
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10},
    {"filterType": "OF_TOMORROW", "tickSize": "7"},
]  # fmt: skip
FUTURES_FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
    {"filterType": "MIN_NOTIONAL", "notional": "50"},
    {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500", "multiplierDecimal": "4"},
    {"filterType": "MAX_NUM_ORDERS", "limit": 200},
]


def listed(venue: str, *symbols: dict[str, Any]) -> list[Instrument]:
    return list(VENUES[venue].instruments(json.dumps({"timezone": "UTC", "symbols": list(symbols)}).encode()))


BTC = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}


def test_what_spot_lists() -> None:
    (found,) = listed("binance", BTC | {"filters": SPOT_FILTERS})
    assert found == Instrument(
        venue="binance",
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        status=InstrumentStatus.TRADING,
        said="TRADING",
        tick=Decimal("0.01"),
        min_price=Decimal("0.01"),
        max_price=Decimal(1_000_000),
        quantity=QuantityRules(lot=Decimal("0.00001"), least=Decimal("0.00001"), most=Decimal(9_000)),
        market_quantity=QuantityRules(most=Decimal("107.5")),
        min_notional=Decimal(5),
        max_notional=Decimal(9_000_000),
        bid_band=Band(Decimal("0.2"), Decimal(5)),
        ask_band=Band(Decimal("0.3"), Decimal(4)),
        max_orders=200,
    )
    assert found.is_trading


@pytest.mark.parametrize(("contract", "ends"), [("PERPETUAL", None), ("TRADIFI_PERPETUAL", None), ("CURRENT_QUARTER", 179 * 10**16)])
def test_what_futures_list(contract: str, ends: int | None) -> None:
    symbol = {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "contractType": contract,
    }
    (found,) = listed("binance-usdm", symbol | {"deliveryDate": 1_790_000_000_000, "filters": FUTURES_FILTERS})
    assert (found.venue, found.settle, found.tick, found.min_notional) == ("binance-usdm", "USDT", Decimal("0.1"), Decimal(50))
    assert found.bid_band == found.ask_band == Band(Decimal("0.95"), Decimal("1.05"))
    assert (found.max_orders, found.ends_ns) == (200, ends)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("HALT", InstrumentStatus.HALTED),
        ("BREAK", InstrumentStatus.HALTED),
        ("CANCEL_ONLY", InstrumentStatus.HALTED),
        ("PENDING_TRADING", InstrumentStatus.COMING),
        ("SETTLING", InstrumentStatus.CLOSING),
        ("CLOSE", InstrumentStatus.CLOSED),
        ("of tomorrow", InstrumentStatus.OTHER),
    ],
)
def test_every_word_has_a_meaning_and_stays(word: str, status: InstrumentStatus) -> None:
    (found,) = listed("binance", {"symbol": "A", "status": word})
    assert (found.status, found.said, found.is_trading) == (status, word, False)


@pytest.mark.parametrize(
    "filters",
    [
        None,
        {},
        [1],
        [{"filterType": "PRICE_FILTER", "tickSize": 1}],
        [{"filterType": "PRICE_FILTER", "tickSize": "soon"}],
        [{"filterType": "PRICE_FILTER", "tickSize": "Infinity"}],
        [{"filterType": "PRICE_FILTER", "tickSize": "NaN"}],
        [{"filterType": "PRICE_FILTER", "tickSize": "0.00000000"}],
    ],
)
def test_a_filter_that_says_nothing_costs_its_symbol_the_rule_and_nothing_else(filters: object) -> None:
    odd, good = listed("binance", {"symbol": "A", "filters": filters}, {"symbol": "B", "filters": SPOT_FILTERS})
    assert (odd.symbol, odd.tick, odd.is_trading, good.tick) == ("A", None, True, Decimal("0.01"))


def test_what_upbit_lists() -> None:
    body = b'[{"market":"KRW-BTC","korean_name":"x"},{"market":"BTC-ETH"},{"market":"XXX-ETH"}]'
    krw, btc, other = VENUES["upbit"].instruments(body)
    assert (krw.symbol, krw.base, krw.quote, krw.is_trading) == ("KRW-BTC", "BTC", "KRW", True)
    assert (krw.tick, krw.quantity.lot, krw.min_notional, krw.max_notional) == (None, Decimal("0.00000001"), Decimal(5_000), Decimal(10**9))
    assert (btc.min_notional, btc.max_notional, other.min_notional) == (Decimal("0.00005"), None, None)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"symbols":{}}', b'{"symbols":[{"x":1}]}', b'[{"code":1}]', b"[" * 5_000])
def test_what_is_no_list_is_told_at_once(venue: str, body: bytes) -> None:
    with pytest.raises(NO_JSON):
        VENUES[venue].instruments(body)


@pytest.mark.parametrize(
    ("venue", "name"), [("binance", "binance-spot/cf_20211012_exchangeinfo"), ("binance-usdm", "binance-usdm/cf_20210722_exchangeinfo")]
)
def test_a_captured_list_is_read_whole(venue: str, name: str, captures: Path) -> None:
    text = gzip.decompress((captures / f"{name}.raw.gz").read_bytes())
    start = text.index(b'{"timezone"')
    body = bytes(msgspec.json.encode(json.JSONDecoder().raw_decode(text[start:].decode())[0]))
    found = {each.symbol: each for each in VENUES[venue].instruments(body)}
    assert len(found) > 100
    assert all(each.base and each.quote and each.quantity.lot and each.tick for each in found.values() if each.is_trading)
    assert not [each for each in found.values() if each.status is InstrumentStatus.OTHER]


def test_two_lists_differ_in_what_came_went_and_changed() -> None:
    a, b, c = listed("binance", {"symbol": "A", "filters": SPOT_FILTERS}, {"symbol": "B"}, {"symbol": "C"})
    (a2,) = listed("binance", {"symbol": "A", "status": "BREAK", "filters": SPOT_FILTERS[1:]})
    found = changes({"A": a, "B": b}, {"A": a2, "C": c})
    assert [(each.symbol, each.kind) for each in found] == [
        ("A", ChangeKind.STATUS), ("A", ChangeKind.RULES), ("B", ChangeKind.REMOVED), ("C", ChangeKind.ADDED),
    ]  # fmt: skip
    assert found[0].told()["status"] == "TRADING → BREAK"
    assert found[0].told()["tick"] == "0.01000000 → None"
    assert found[2].told()["status"] == "TRADING → (none)"
    assert changes({"A": a, "B": b}, {"B": b, "A": a}) == []
